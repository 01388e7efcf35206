using System.Reflection;
using FsCheck.Xunit;
using MiniTransformer.Tests.Generators;
using MiniTransformer.Theory;

namespace MiniTransformer.Tests.Theory;

/// <summary>P1 to P11 on 1,000 generated token MDPs each; <see cref="Identity.Tolerance"/> states the tolerance and its reason.</summary>
[Properties(MaxTest = 1000, QuietOnSuccess = true, Arbitrary = [typeof(MdpDraws)])]
public class PropertyTests
{
    [Property]
    public void P1_The_inverse_Q_objective_is_the_log_likelihood(MdpDraw draw) => Holds("P1", draw);

    [Property]
    public void P2_Its_gradient_is_minus_the_gradient_of_the_SFT_loss(MdpDraw draw) => Holds("P2", draw);

    [Property]
    public void P3a_With_chi_squared_the_objective_differs_from_SFT_by_the_squared_rewards(MdpDraw draw) => Holds("P3a", draw);

    [Property]
    public void P3b_A_non_terminal_tail_value_that_is_kept_is_the_difference_to_SFT(MdpDraw draw) => Holds("P3b", draw);

    [Property]
    public void P3c_With_discount_the_objective_differs_from_unweighted_SFT_by_the_missing_weights(MdpDraw draw) => Holds("P3c", draw);

    [Property]
    public void P4a_Backward_induction_on_the_recovered_reward_returns_the_logits(MdpDraw draw) => Holds("P4a", draw);

    [Property]
    public void P4b_The_soft_value_is_expected_reward_plus_entropy(MdpDraw draw) => Holds("P4b", draw);

    [Property]
    public void P4c_The_soft_value_is_the_log_partition_function_over_responses(MdpDraw draw) => Holds("P4c", draw);

    [Property]
    public void P5a_Log_probabilities_are_the_recovered_reward_shaped_by_the_soft_value(MdpDraw draw) => Holds("P5a", draw);

    [Property]
    public void P5b_A_policy_is_soft_optimal_for_its_own_log_probabilities_with_value_zero(MdpDraw draw) => Holds("P5b", draw);

    [Property]
    public void P5c_Shaping_by_any_potential_leaves_the_soft_optimal_policy(MdpDraw draw) => Holds("P5c", draw);

    [Property]
    public void P6a_The_expert_collects_its_divergence_from_the_reference(MdpDraw draw) => Holds("P6a", draw);

    [Property]
    public void P6b_The_reference_pays_its_divergence_from_the_expert(MdpDraw draw) => Holds("P6b", draw);

    [Property]
    public void P7a_The_regularised_optimum_by_tokens_is_the_one_by_responses(MdpDraw draw) => Holds("P7a", draw);

    [Property]
    public void P7b_Every_policy_falls_short_of_the_optimum_by_its_divergence_from_it(MdpDraw draw) => Holds("P7b", draw);

    [Property]
    public void P8a_A_reward_error_grows_at_most_by_the_steps_to_go(MdpDraw draw) => Holds("P8a", draw);

    [Property]
    public void P8b_A_value_error_bounds_the_policy_error(MdpDraw draw) => Holds("P8b", draw);

    [Property]
    public void P8c_Twice_the_value_error_bounds_the_error_of_log_probabilities(MdpDraw draw) => Holds("P8c", draw);

    [Property]
    public void P9a_REINFORCE_with_the_whole_path_return_is_unbiased(MdpDraw draw) => Holds("P9a", draw);

    [Property]
    public void P9b_REINFORCE_with_the_return_to_go_is_unbiased(MdpDraw draw) => Holds("P9b", draw);

    [Property]
    public void P9c_A_state_baseline_leaves_REINFORCE_unbiased(MdpDraw draw) => Holds("P9c", draw);

    [Property]
    public void P9d_Discounted_REINFORCE_needs_the_discount_of_the_state(MdpDraw draw) => Holds("P9d", draw);

    [Property]
    public void P10a_k1_is_unbiased(MdpDraw draw) => Holds("P10a", draw);

    [Property]
    public void P10b_k3_is_unbiased_and_never_negative(MdpDraw draw) => Holds("P10b", draw);

    [Property]
    public void P10c_k2_is_biased_in_third_order_only(MdpDraw draw) => Holds("P10c", draw);

    [Property]
    public void P10d_k1_gives_the_gradient_as_a_reward_and_nothing_as_a_loss(MdpDraw draw) => Holds("P10d", draw);

    [Property]
    public void P11_The_performance_difference_is_the_sum_of_old_advantages(MdpDraw draw) => Holds("P11", draw);

    [Fact]
    public void Every_identity_has_its_property_test_here()
    {
        IEnumerable<string> tested = typeof(PropertyTests).GetMethods()
            .Where(method => method.GetCustomAttribute<PropertyAttribute>() is not null)
            .Select(method => method.Name.Split('_')[0]);
        Assert.Equal(Identities.All.Select(identity => identity.Number).Order(), tested.Order());
    }

    private static void Holds(string number, MdpDraw draw)
    {
        Identity identity = Identities.Find(number);
        double error = identity.Evaluate(draw).Error;
        Assert.True(error <= identity.Tolerance, $"{number}: {identity.Statement}: error {error:E2} exceeds {identity.Tolerance:E0}.");
    }
}
