const NEWLINE = 0x0a

/**
 * Cuts a stream of bytes into lines, wherever its pieces begin and end. Throws when a line is longer than `mostBytes`:
 * no more than that is ever kept.
 */
export function lineCutter(mostBytes: number, onLine: (line: string) => void): (piece: Buffer) => void {
  let kept = Buffer.alloc(0)
  return (piece) => {
    let rest = kept.length === 0 ? piece : Buffer.concat([kept, piece])
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      if (end > mostBytes) break
      onLine(rest.toString('utf8', 0, end).replace(/\r$/, ''))
      rest = rest.subarray(end + 1)
    }
    if (rest.length > mostBytes) throw new Error('a line that is too long')
    // A copy, or a few bytes would keep the whole piece.
    kept = Buffer.from(rest)
  }
}
