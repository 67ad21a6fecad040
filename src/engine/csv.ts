const SEPARATORS = [',', ';', '\t'] as const
export type Separator = (typeof SEPARATORS)[number]

type Grammar = { line: RegExp; cells: RegExp }

const GRAMMARS = Object.fromEntries(SEPARATORS.map((one) => [one, grammar(one)])) as Record<
  Separator,
  Grammar
>

function grammar(separator: Separator): Grammar {
  const cell = `(?:"(?:[^"]|"")*"|[^"${separator}]*)`
  return {
    line: new RegExp(`^${cell}(?:${separator}${cell})*$`),
    cells: new RegExp(`(?:^|${separator})(${cell})`, 'g'),
  }
}

/** The lines of a text in UTF-8, without their ends. Of one that never ends, as much as shows that it is longer than `longest`. */
export async function* linesOf(input: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of input) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = (lines.pop() ?? '').slice(0, 2 * longest)
    yield* lines.map(withoutReturn)
  }
  rest += decoder.decode()
  if (rest !== '') yield withoutReturn(rest)
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

/** The cells of a line: RFC 4180, but for line breaks within quotes. Undefined for what is no such line, or a longer one. */
export function cellsOf(text: string, longest: number, separator: Separator = ','): string[] | undefined {
  const { line, cells } = GRAMMARS[separator]
  if (text.length > longest || text.includes('\r') || !line.test(text)) return undefined
  if (!text.includes('"')) return text.split(separator)
  return Array.from(text.matchAll(cells), ([, cell = '']) =>
    cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell,
  )
}

/** What stands between the cells of a line: the one of those that are usual which is there most often outside of quotes. */
export function separatorOf(text: string): Separator {
  const bare = text.replaceAll(/"(?:[^"]|"")*"/g, '')
  const count = (separator: Separator) => bare.split(separator).length
  return SEPARATORS.reduce((best, one) => (count(one) > count(best) ? one : best))
}
