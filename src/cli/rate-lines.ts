import { cellsOf, linesOf, separatorOf, type Separator } from '../engine/csv.ts'
import { Refusal } from '../engine/errors.ts'
import { rateHeader, readRateLine, type RateHeader } from '../engine/rate-lines.ts'
import type { ListedRate } from '../engine/tariff-import.ts'

/** Longer than any line that could be right. */
const LONGEST_LINE = 1_000

/** What the first row says of all others. */
type Form = { separator: Separator; header: RateHeader | undefined }

/**
 * Reads rates from CSV, one a line, separated by commas, semicolons or tabs; the first row may name the columns. Empty lines are
 * left out. `onLine` is told the number, from 1 on, of each line that is not empty. Throws Refusal 'invalid' for a first row that
 * names columns from which no rates can be read.
 */
export async function* rateLines(
  input: AsyncIterable<Uint8Array>,
  onLine: (line: number) => void,
): AsyncGenerator<ListedRate> {
  let form: Form | undefined
  let line = 0
  for await (const text of linesOf(input, LONGEST_LINE)) {
    line++
    if (text.trim() === '') continue
    onLine(line)
    if (!form) {
      form = formOf(text)
      if (form.header) continue
    }
    yield { line, ...rateOf(text, form) }
  }
}

/** Throws Refusal 'invalid'. */
function formOf(text: string): Form {
  const separator = separatorOf(text)
  const header = rateHeader(cellsOf(text, LONGEST_LINE, separator) ?? [])
  if (header && 'wrong' in header) throw new Refusal('invalid', `the first row: ${header.wrong}`)
  return { separator, header }
}

function rateOf(text: string, { separator, header }: Form) {
  if (text.includes('\uFFFD')) return { wrong: 'it is not written in UTF-8' }
  const cells = cellsOf(text, LONGEST_LINE, separator)
  return cells ? readRateLine(cells, header) : { wrong: 'it is not CSV' }
}
