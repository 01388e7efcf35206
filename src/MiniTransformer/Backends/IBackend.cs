using MiniTransformer.Kernels.Cpu;
using MiniTransformer.Kernels.Pointwise;

namespace MiniTransformer.Backends;

/// <summary>
/// What a device must be able to compute: a small set of verbs on storages. Ops check shapes and devices; a backend trusts them.
/// Forward verbs overwrite their result (named last); backward verbs add to the gradients (+=). Dimensions are the literature's:
/// B sequences, T tokens of one, H heads, D head size, C channels, V vocabulary, N rows.
/// </summary>
public interface IBackend : IDisposable
{
    /// <summary>The name shown to users, such as "CPU (AVX-512, 2 threads)".</summary>
    string Name { get; }

    // ---- memory ----

    /// <summary>A new block of uninitialised memory.</summary>
    DeviceBuffer Allocate(long length);

    /// <summary>
    /// A matrix that is only read, of elements of any type, in the layout that the device's products read fastest; <see cref="Write"/>
    /// fills it. It can be the right factor of a product and the table of an embedding, which widen it as they read, exactly; and it can be
    /// copied to float32.
    /// </summary>
    DeviceBuffer AllocateMatrix(int rows, int columns, ElementType type);

    /// <summary>Takes over whole rows of a matrix, in its own type.</summary>
    /// <param name="rows">The elements, as a little-endian file has them.</param>
    /// <param name="to">The rows, of an <see cref="AllocateMatrix"/>.</param>
    void Write(ReadOnlySpan<byte> rows, Storage to);

    /// <summary>Memory of the device in bytes, in use or not.</summary>
    long MemoryBytes { get; }

    /// <summary>Copies numbers to the device.</summary>
    void Upload(ReadOnlySpan<float> from, Storage to);

    /// <summary>Copies token ids to the device.</summary>
    void Upload(ReadOnlySpan<int> from, Storage to);

    /// <summary>Copies numbers from the device, widened, waiting for all work before.</summary>
    void Download(Storage from, Span<float> to);

    /// <summary>Copies token ids from the device, waiting for all work before.</summary>
    void Download(Storage from, Span<int> to);

    /// <summary>to ← from, widened; what is copied to is float32.</summary>
    void Copy(Storage from, Storage to);

    /// <summary>x ← value.</summary>
    void Fill(Storage x, float value);

    // ---- pointwise and reductions ----

    /// <summary>y = f(x).</summary>
    void Map<TOp>(Storage x, Storage y)
        where TOp : unmanaged, IUnaryOp;

    /// <summary>dx += dy · f′(x).</summary>
    void MapBackward<TOp>(Storage x, Storage y, Storage dy, Storage dx)
        where TOp : unmanaged, IUnaryOp;

    /// <summary>y = f(a, b).</summary>
    void Zip<TOp>(Storage a, Storage b, Storage y)
        where TOp : unmanaged, IBinaryOp;

    /// <summary>da += dy · ∂f/∂a, db += dy · ∂f/∂b; a gradient that is not needed is <c>default</c>.</summary>
    void ZipBackward<TOp>(Storage a, Storage b, Storage dy, Storage da, Storage db)
        where TOp : unmanaged, IBinaryOp;

    /// <summary>y = α x.</summary>
    void Scale(Storage x, float alpha, Storage y);

    /// <summary>y += α x.</summary>
    void AddScaled(Storage x, float alpha, Storage y);

    /// <summary>
    /// Σ aᵢ bᵢ (b may be <c>default</c>: Σ aᵢ), summed in double (on GPUs in two floats) in a fixed order; y has one element.
    /// </summary>
    void Dot(Storage a, Storage b, Storage y);

    /// <summary>dx += dy₀ · α · w, where dy has one element and w may be <c>default</c> (all ones).</summary>
    void DotBackward(Storage dy, float alpha, Storage w, Storage dx);

    /// <summary>
    /// Σ xᵢ² over all elements of all the storages, summed in double (on GPUs in two floats) in a fixed order. Waits for the device, once.
    /// </summary>
    double SquaredNorm(IReadOnlyList<Storage> x);

    // ---- products ----

    /// <summary>c (M,N) = op(a)·op(b), or c += with <paramref name="accumulate"/>; b may be a matrix of any type.</summary>
    void MatMul(GemmForm form, Storage a, Storage b, Storage c, int m, int n, int k, bool accumulate);

    /// <summary>For each i of a batch: cᵢ (M,N) = op(aᵢ)·op(bᵢ), or cᵢ +=; the matrices lie one after the other.</summary>
    void MatMulBatch(GemmForm form, Storage a, Storage b, Storage c, int batch, int m, int n, int k, bool accumulate);

    /// <summary>Whether <see cref="LinearPacked"/> keeps a weight that is trained once more, in a layout of its own.</summary>
    bool PacksWeights => false;

    /// <summary>y (M,N) = x (M,K) · wᵀ with the rows of w laid out once for many products of few rows; the same bits as MatMul.</summary>
    /// <remarks>A matrix that is only read has its layout already. Of another weight the layout is kept in <c>cache</c>, and made again
    /// when <c>version</c>, that of the weight, has changed.</remarks>
    void LinearPacked(Storage x, Storage w, Storage y, int m, int n, int k, PackedWeight cache, int version);

    // ---- structured ops ----

    /// <summary>yᵢ = table[idsᵢ], rows of C; the table may be a matrix of any type.</summary>
    void Embedding(Storage table, Storage ids, Storage y, int rows, int c);

    /// <summary>dtable[idsᵢ] += dyᵢ.</summary>
    void EmbeddingBackward(Storage ids, Storage dy, Storage dtable, int rows, int c);

    /// <summary>y = w ⊙ x / ρ, ρ = √(mean x² + ε); saves 1/ρ per row.</summary>
    void RmsNorm(Storage x, Storage w, Storage y, Storage inverseRms, int rows, int c, float epsilon);

    /// <summary>The gradient of <see cref="RmsNorm"/>; dx or dw may be <c>default</c>.</summary>
    void RmsNormBackward(Storage x, Storage w, Storage inverseRms, Storage dy, Storage dx, Storage dw, int rows, int c);

    /// <summary>yᵢ = xᵢ + rowᵢ, in every row of C; y may be x.</summary>
    void AddRow(Storage x, Storage row, Storage y, int rows, int c);

    /// <summary>sumsᵢ += Σ_rows xᵢ, in an order that depends on the sizes alone.</summary>
    void SumRows(Storage x, Storage sums, int rows, int c);

    /// <summary>yᵢ = xᵢ + columnᵣ, in row r of C; y may be x.</summary>
    void AddColumn(Storage x, Storage column, Storage y, int rows, int c);

    /// <summary>sumsᵣ += Σᵢ xᵢ over row r of C, in an order that depends on C alone.</summary>
    void SumColumns(Storage x, Storage sums, int rows, int c);

    /// <summary>y = softmax(x) per row of C: a −∞ element becomes 0, and so do all of a row of −∞ alone; y may be x.</summary>
    void Softmax(Storage x, Storage y, int rows, int c);

    /// <summary>dxⱼ += yⱼ (dyⱼ − ⟨y, dy⟩), per row of C.</summary>
    void SoftmaxBackward(Storage y, Storage dy, Storage dx, int rows, int c);

    /// <summary>yᵢ = xᵢ − mean(x) per row of C, or yᵢ += with <paramref name="accumulate"/>.</summary>
    void Centre(Storage x, Storage y, int rows, int c, bool accumulate);

    /// <summary>Rotates pairs (i, i + D/2) of each head by the angle of the row's position; sign −1 rotates back.</summary>
    void Rope(Storage x, Storage positions, Storage cos, Storage sin, Storage y, int rows, int h, int d, float sign, bool accumulate);

    /// <summary>
    /// Causal attention within each sequence; q, y (N,H,D), k, v (N,Hkv,D); saves the row's log-sum (H,N). A window of W tokens leaves t −
    /// W &lt; j ≤ t; 0 is none.
    /// </summary>
    void Attention(Storage q, Storage k, Storage v, Storage y, Storage logSum, Sequences sequences, int h, int hkv, int d, float scale,
        int window);

    /// <summary>The gradient of <see cref="Attention"/>.</summary>
    void AttentionBackward(
        Storage q, Storage k, Storage v, Storage y, Storage logSum, Storage dy, Storage dq, Storage dk, Storage dv, Sequences sequences,
        int h, int hkv, int d, float scale,
        int window);

    /// <summary>Elements that a cache of keys, and one of values, needs for the given slots and context.</summary>
    long CacheLength(int slots, int hkv, int d, int context);

    /// <summary>Writes row r of k and v (Hkv,D) to (slotsᵣ, positionsᵣ) of the cache.</summary>
    void CacheAppend(Storage k, Storage v, Storage slots, Storage positions, Storage cacheK, Storage cacheV, int rows, int hkv, int d,
        int context);

    /// <summary>
    /// Row r attends to positions 0..positionsᵣ of slotsᵣ, or to the last `window` of them; on the CPU the same bits as
    /// <see cref="Attention"/>.
    /// </summary>
    /// <remarks>GPU kernels for one row add in another order than those for a sequence: for values near 1 they agree within 2e-5.</remarks>
    void AttentionDecode(Storage q, Storage cacheK, Storage cacheV, Storage slots, Storage positions, Storage y, int rows, int h, int hkv,
        int d, int context, float scale, int window);

    // ---- rows of logits ----

    /// <summary>logProbᵢ = logits[i, idsᵢ] − logZᵢ, logZ = log Σ exp logits.</summary>
    void GatherLogSoftmax(Storage logits, Storage ids, Storage logProb, Storage logZ, int rows, int v);

    /// <summary>dlogits += dlogProb · (onehot − softmax).</summary>
    void GatherLogSoftmaxBackward(Storage logits, Storage logZ, Storage ids, Storage dlogProb, Storage dlogits, int rows, int v);

    /// <summary>logZ = log Σ exp logits, per row.</summary>
    void LogSumExp(Storage logits, Storage logZ, int rows, int v);

    /// <summary>dlogits += dlogZ · softmax.</summary>
    void LogSumExpBackward(Storage logits, Storage logZ, Storage dlogZ, Storage dlogits, int rows, int v);

    /// <summary>yᵢ = x[i, idsᵢ].</summary>
    void Gather(Storage x, Storage ids, Storage y, int rows, int v);

    /// <summary>dx[i, idsᵢ] += dyᵢ.</summary>
    void GatherBackward(Storage ids, Storage dy, Storage dx, int rows, int v);

    /// <summary>KL(softmax(logits) ‖ softmax(reference)) per row.</summary>
    void KlDivergence(Storage logits, Storage reference, Storage kl, Storage logZ, Storage referenceLogZ, int rows, int v);

    /// <summary>The gradient of <see cref="KlDivergence"/> with respect to logits.</summary>
    void KlDivergenceBackward(Storage logits, Storage logZ, Storage reference, Storage referenceLogZ, Storage kl, Storage dkl,
        Storage dlogits, int rows, int v);

    /// <summary>Entropy of softmax(logits) per row, in nats.</summary>
    void Entropy(Storage logits, Storage entropy, Storage logZ, int rows, int v);

    /// <summary>The gradient of <see cref="Entropy"/>.</summary>
    void EntropyBackward(Storage logits, Storage logZ, Storage entropy, Storage dentropy, Storage dlogits, int rows, int v);

    /// <summary>Draws one token a row: see <see cref="Kernels.Cpu.Sample"/>.</summary>
    void Sample(Storage logits, Storage uniforms, Storage ids, Storage logProb, int rows, int v, float temperature, int topK, float topP);

    // ---- optimizer ----

    /// <summary>One AdamW update in one pass; clears the gradient.</summary>
    void AdamW(Storage parameter, Storage gradient, Storage m, Storage v, in AdamWStep step);
}

/// <summary>The numbers of one AdamW update.</summary>
/// <param name="LearningRate">Step size.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Added to the root of the second moment.</param>
/// <param name="Decay">Decoupled weight decay.</param>
/// <param name="GradientScale">Multiplies the gradient: the clipping factor.</param>
/// <param name="Correction1">1 − β₁ᵗ.</param>
/// <param name="Correction2">1 − β₂ᵗ.</param>
public readonly record struct AdamWStep(
    float LearningRate, float Beta1, float Beta2, float Epsilon, float Decay, float GradientScale, float Correction1, float Correction2);

/// <summary>Where a backend keeps a weight in the layout of its small products. Filled by the backend, kept by the parameter.</summary>
public sealed class PackedWeight : IDisposable
{
    internal IDisposable? Layout { get; set; }

    internal int Version { get; set; } = -1;

    /// <summary>Frees the layout.</summary>
    public void Dispose()
    {
        Layout?.Dispose();
        Layout = null;
        Version = -1;
    }
}
