/** What Asterisk tells of the channel first of all, by name, without the `agi_` of each. */
export type Environment = ReadonlyMap<string, string>

/** Asterisk itself sends about twenty, and as many arguments as the dialplan gives, up to 127. */
const MOST_LINES = 256
const MOST_CHARACTERS = 65_536

/** Reads it line by line. Throws at what is none; resolves nothing until the empty line that ends it. */
export function environmentReader(): (line: string) => Environment | undefined {
  const read = new Map<string, string>()
  let characters = 0
  return (line) => {
    if (line === '') return read
    characters += line.length
    // Values hold colons themselves. What comes twice is somebody's attempt to put in a line of their own.
    const [, name, value] = /^agi_([a-z0-9_]{1,40}): ?(.*)$/s.exec(line) ?? []
    if (name === undefined || value === undefined || read.has(name)) throw new Error('no AGI environment')
    if (read.size >= MOST_LINES || characters > MOST_CHARACTERS)
      throw new Error('too long an AGI environment')
    read.set(name, value)
    return undefined
  }
}
