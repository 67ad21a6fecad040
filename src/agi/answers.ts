/**
 * Asterisk's answer to a command. `code`: 200, or 510 for what it does not know, 511 for what a channel that is hung up
 * cannot do, 520 for wrong syntax. `result`: the number of a 200, undefined elsewhere.
 */
export type Answer = { code: number; result: number | undefined }

/** The longest usage text of a command has about forty lines. */
const MOST_USAGE_LINES = 500

/**
 * Reads what comes after the environment, line by line: answers, and `HANGUP`, which may stand between any two of them.
 * Throws at what is neither.
 */
export function answerReader(
  onAnswer: (answer: Answer) => void,
  onHangup: () => void,
): (line: string) => void {
  let usageLines = 0
  return (line) => {
    if (usageLines > 0) {
      // The text of a command's usage may hold anything but this.
      if (line.startsWith('520 ')) onAnswer({ code: 520, result: undefined })
      else if (usageLines > MOST_USAGE_LINES) throw new Error('a usage text without end')
      usageLines = line.startsWith('520 ') ? 0 : usageLines + 1
      return
    }
    if (line === 'HANGUP') return onHangup()
    if (line.startsWith('520-')) usageLines = 1
    else if (!/^1\d\d /.test(line)) onAnswer(answerOf(line)) // 1xx: it has begun
  }
}

function answerOf(line: string): Answer {
  const [, code, rest = ''] = /^(\d{3}) (.*)$/s.exec(line) ?? []
  if (code === undefined) throw new Error('no AGI answer')
  if (code !== '200') return { code: Number(code), result: undefined }
  const [, result] = /^result=(-?\d{1,9})(?= |$)/.exec(rest) ?? []
  if (result === undefined) throw new Error('an AGI answer without a result')
  return { code: 200, result: Number(result) }
}
