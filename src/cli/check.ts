/** One thing that the doctor looked at. `todo` says how to put right what is not `ok`. */
export type Check = { name: string; state: 'ok' | 'warn' | 'fail'; found: string; todo?: string }

/** Compares dotted versions; what follows the last number (`22.10.1~dfsg`) does not count. */
export function isAtLeast(version: string, floor: string): boolean {
  const parts = (text: string) => (/^\d+(\.\d+)*/.exec(text)?.[0] ?? '').split('.').map(Number)
  const found = parts(version)
  const difference = parts(floor).map((part, i) => (found[i] ?? 0) - part)
  return (difference.find((part) => part !== 0) ?? 0) >= 0
}
