/** The value below which the share `q` of all lies (nearest rank); NaN without values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(Math.ceil(q * sorted.length) - 1, 0)] ?? NaN
}
