/** Work that is done sooner says nothing of its progress, in milliseconds. */
const QUIET_MS = 1_000
/** A terminal's counter changes no more often than that. */
const COUNTER_MS = 100
/** Whoever reads it later gets a line this often. */
const LINE_MS = 10_000

export type Progress = {
  /** So much is done. */
  at: (done: number) => void
  /** Takes the counter from the terminal. */
  end: () => void
}

type Output = { isTTY?: boolean; write: (text: string) => unknown }

/**
 * Tells people how far long work has come: a counter on a terminal, a line now and then elsewhere.
 * `total` is undefined where nobody knows it beforehand.
 */
export function showProgress(
  what: string,
  total?: number,
  out: Output = process.stderr,
  now: () => number = () => performance.now(),
): Progress {
  const begun = now()
  let next = begun + (out.isTTY ? QUIET_MS : LINE_MS)
  let shown = false
  return {
    at(done) {
      if (now() < next) return
      next = now() + (out.isTTY ? COUNTER_MS : LINE_MS)
      const text = `${what} ${done}${total === undefined ? '' : ` of ${total}`}`
      out.write(out.isTTY ? `\r${text}` : `${text}\n`)
      shown = true
    },
    end() {
      // Erases the line.
      if (shown && out.isTTY) out.write('\r\x1b[K')
    },
  }
}
