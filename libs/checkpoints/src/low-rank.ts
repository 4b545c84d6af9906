/** A product of two thin matrices in float32, row-major: left [rows, rank] times right [rank, columns]. */
export interface LowRank {
  readonly rows: number;
  readonly columns: number;
  readonly rank: number;
  readonly left: Float32Array;
  readonly right: Float32Array;
}

/** Adds `scale` times the product to weights [rows, columns], in place. The product of each row is summed in float32, then scaled and added. */
export function addLowRank(weights: Float32Array, product: LowRank, scale: number): Float32Array {
  const { rows, columns, rank, left, right } = product;
  const sums = new Float32Array(columns);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = left[row * rank + r] as number;
      const start = r * columns;
      for (let column = 0; column < columns; column++) {
        sums[column] = (sums[column] as number) + factor * (right[start + column] as number);
      }
    }
    const start = row * columns;
    for (let column = 0; column < columns; column++) {
      weights[start + column] = (weights[start + column] as number) + scale * (sums[column] as number);
    }
  }
  return weights;
}

/** The transpose of a matrix [rows, columns]. */
export function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = matrix[row * columns + column] as number;
    }
  }
  return result;
}
