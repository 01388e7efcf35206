namespace MiniTransformer.Theory;

/// <summary>
/// Every property of the theory, P1 to P11, as something that can be run: the property tests and the verify command go through this list.
/// </summary>
/// <remarks>
/// Sources: [BI] J. Li et al., "Beyond Imitation: Recovering Dense Rewards from Demonstrations", arXiv 2510.02493 (2025).
/// [IQ] D. Garg et al., "IQ-Learn: Inverse soft-Q Learning for Imitation", NeurIPS 2021.
/// [NHR] A. Ng, D. Harada, S. Russell, "Policy invariance under reward transformations", ICML 1999.
/// [SQL] T. Haarnoja et al., "Reinforcement Learning with Deep Energy-Based Policies", ICML 2017.
/// [KLA] J. Schulman, "Approximating KL Divergence", 2020.
/// </remarks>
public static class Identities
{
    /// <summary>All identities, in the order of the theory.</summary>
    public static IReadOnlyList<Identity> All { get; } =
    [
        new("P1", "Σ γᵗ (Q_t − γ V_{t+1}) − V_0 = Σ γᵗ (Q_t − V_t) = Σ γᵗ log π_Q", "the same with φ = χ²", "[BI], [IQ]", SftIdentities.P1),
        new("P2", "∇J(Q) = −∇L_SFT", "the same with φ = χ²", "[BI]", SftIdentities.P2),
        new("P3a", "φ = χ²: J = −L − E Σ γᵗ r_Q² / 4α", "φ = χ²: J = −L", "[IQ]", SftIdentities.P3ChiSquared),
        new("P3b", "V(s_T) kept: J = −L − γᵀ V(s_T)", "V(s_T) kept: J = −L", "[BI]", SftIdentities.P3Tail),
        new("P3c", "γ < 1: J = −L + Σ (1 − γᵗ) ℓ_t, L unweighted", "γ < 1: J = −L, L unweighted", "[BI]", SftIdentities.P3Discount),
        new("P4a", "r_Q = Q − γV′; backward induction on r_Q returns Q, V, π", "on Q itself", "[IQ], [SQL]", SftIdentities.P4RoundTrip),
        new("P4b", "V_Q(s_0) = E_π Σ γᵗ (r_Q − log π)", "V_Q(s_0) = E_π Σ γᵗ r_Q", "[SQL]", SftIdentities.P4Entropy),
        new("P4c", "γ = 1: V_Q(s_0) = log Σ_y exp Σ r_Q", "V_Q(s_0) = max_y Σ r_Q", "[SQL]", SftIdentities.P4Partition),
        new("P5a", "log π_Q = r_Q + γV′ − V: shaping by V_Q", "shaping with γ/2", "[NHR], [BI]", SftIdentities.P5Shaping),
        new("P5b", "under the reward log π_Q: V = 0, π* = π_Q", "under the reward r_Q: V = 0", "[NHR], [BI]", SftIdentities.P5ZeroValue),
        new("P5c", "shaping by any Φ: V* lowered by Φ, π* the same", "shaping with γ/2", "[NHR]", SftIdentities.P5AnyPotential),
        new("P6a", "E_SFT Σ r̂ = KL(SFT‖ref) ≥ 0", "E_SFT Σ r̂ = KL(ref‖SFT)", "[BI]", RewardIdentities.P6Expert),
        new("P6b", "E_ref Σ r̂ = −KL(ref‖SFT) ≤ 0", "E_ref Σ r̂ = +KL(ref‖SFT)", "[BI]", RewardIdentities.P6Reference),
        new("P7a", "π* by tokens = SFT (SFT/ref)^{1/β} / Z by responses", "exponent β", "[SQL], [BI]", RewardIdentities.P7Form),
        new("P7b", "E_π Σ r̂ − β KL(π‖SFT) = β log Z − β KL(π‖π*)", "… − β KL(π*‖π)", "[SQL]", RewardIdentities.P7Optimum),
        new("P8a", "‖Q₁* − Q₂*‖ ≤ h ‖r₁ − r₂‖, h steps to go", "≤ ‖r₁ − r₂‖", "Lipschitz log-sum-exp", RewardIdentities.P8Values),
        new("P8b", "‖π₁ − π₂‖₁ ≤ ‖Q₁ − Q₂‖∞", "≤ ½ ‖Q₁ − Q₂‖∞", "Lipschitz softmax", RewardIdentities.P8Policy),
        new("P8c", "|log π₁ − log π₂| ≤ 2 ‖Q₁ − Q₂‖∞", "≤ ‖Q₁ − Q₂‖∞", "Lipschitz log-softmax", RewardIdentities.P8LogPolicy),
        new("P9a", "E[Σ R ∇log π] − β∇KL = ∇J, R of the whole path", "R of the past only", "[BI]", ReinforceIdentities.P9WholePath),
        new("P9b", "E[Σ G_t ∇log π] − β∇KL = ∇J, G_t to go", "G_t with γ < 1, J without", "[BI]", ReinforceIdentities.P9ReturnToGo),
        new("P9c", "E[Σ (G_t − b(s_t)) ∇log π] − β∇KL = ∇J", "b(s_t, a_t)", "[BI]", ReinforceIdentities.P9Baseline),
        new("P9d", "E[Σ γᵗ G_t ∇log π] − β∇KL = ∇J, both with γ", "without γᵗ", "[BI]", ReinforceIdentities.P9Discounted),
        new("P10a", "E k1 = KL(θ‖SFT)", "a drawn from SFT", "[KLA]", ReinforceIdentities.P10K1),
        new("P10b", "E k3 = KL(θ‖SFT), k3 ≥ 0", "ρ − 1 + log ρ", "[KLA]", ReinforceIdentities.P10K3),
        new("P10c", "|E k2 − KL| ≤ ⅙ E |log ρ|³ max(1, ρ)", "E k2 = KL", "[KLA]", ReinforceIdentities.P10K2),
        new("P10d", "E[k1 ∇log π] = ∇KL, E[∇k1] = 0", "E[∇k1] = ∇KL", "[KLA]", ReinforceIdentities.P10Gradient),
        new("P11", "J(π) − J(π′) = E_π Σ γᵗ A^{π′}", "… = E_π′ Σ γᵗ A^{π′}", "Kakade & Langford 2002", ReinforceIdentities.P11),
    ];

    /// <summary>The identity with a number.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static Identity Find(string number) => All.FirstOrDefault(identity => identity.Number == number)
        ?? throw new ArgumentException($"Identities: there is no {number}; there are {string.Join(", ", All.Select(i => i.Number))}.");
}
