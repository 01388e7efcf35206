using ILGPU;
using ILGPU.Runtime;

namespace MiniTransformer.Kernels.Gpu;

/// <summary>y[r] = table[ids[r]], rows of C. A work item an element.</summary>
internal sealed class EmbeddingForward<TElement>(Accelerator accelerator)
    where TElement : struct, IElement
{
    private readonly Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, int, int> kernel =
        accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>, int, int>(Kernel);

    /// <summary>The kernel.</summary>
    public static void Kernel(ArrayView<float> table, ArrayView<int> ids, ArrayView<float> y, int rows, int C)
    {
        int i = Grid.GlobalIndex.X;
        if (i < rows * C) y[i] = TElement.Load(table, (long)ids[i / C] * C + i % C);
    }

    /// <summary>Starts it.</summary>
    public void Run(ArrayView<float> table, ArrayView<int> ids, ArrayView<float> y, int rows, int c) =>
        kernel(Launch.Items((long)rows * c), table, ids, y, rows, c);
}

/// <summary>
/// dtable[ids[r]] += dy[r] without atomics, whose order would change from run to run. First each row finds the previous and the next row
/// with the same id (up to N² reads of ids in all, for N rows of different ids); then the first row of each id walks the chain from row to
/// row, and adds up in that order.
/// </summary>
internal sealed class EmbeddingBackward(Accelerator accelerator)
{
    private readonly Action<KernelConfig, ArrayView<int>, ArrayView<int>, int> chain =
        accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<int>, int>(Chain);

    private readonly Action<KernelConfig, ArrayView<int>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int> add =
        accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int>(Add);

    /// <summary>links[2r] is the row before r with the same id, links[2r + 1] the one after; −1 for none.</summary>
    public static void Chain(ArrayView<int> ids, ArrayView<int> links, int rows)
    {
        int r = Grid.GlobalIndex.X;
        if (r >= rows) return;
        int id = ids[r], before = r - 1, after = r + 1;
        while (before >= 0 && ids[before] != id) before--;
        while (after < rows && ids[after] != id) after++;
        links[2 * r] = before;
        links[2 * r + 1] = after < rows ? after : -1;
    }

    /// <summary>A work item an element of dy; only those of an id's first row add.</summary>
    public static void Add(ArrayView<int> ids, ArrayView<int> links, ArrayView<float> dy, ArrayView<float> dtable, int rows, int C)
    {
        int i = Grid.GlobalIndex.X;
        if (i >= rows * C) return;
        int first = i / C, c = i % C;
        if (links[2 * first] >= 0) return;
        float sum = 0f;
        for (int r = first; r >= 0; r = links[2 * r + 1]) sum += dy[(long)r * C + c];
        dtable[(long)ids[first] * C + c] += sum;
    }

    /// <summary>Starts both; links has 2 · rows elements.</summary>
    public void Run(ArrayView<int> ids, ArrayView<int> links, ArrayView<float> dy, ArrayView<float> dtable, int rows, int c)
    {
        chain(Launch.Items(rows), ids, links, rows);
        add(Launch.Items((long)rows * c), ids, links, dy, dtable, rows, c);
    }
}
