import { randomInt } from 'node:crypto'

/**
 * Nine digits that stand nowhere by chance, each another one: what must be found nowhere afterwards. None twice in a row: an
 * overloaded machine can take two quick equal keys for one that was repeated, and that is not what is looked at.
 */
export function canaries(count: number): string[] {
  const pins = new Set<string>()
  while (pins.size < count) {
    const pin = String(randomInt(100_000_000, 1_000_000_000))
    if (!/(\d)\1/.test(pin)) pins.add(pin)
  }
  return [...pins]
}

/** Which of the PINs the text gives away, and how it is written there. */
export function foundIn(text: string, pins: readonly string[]): string[] {
  const alone = Array.from(text.matchAll(/(?<![0-9A-Za-z])[0-9](?![0-9A-Za-z])/g), ([digit]) => digit).join(
    '',
  )
  const lower = text.toLowerCase()
  return pins.flatMap((pin) =>
    Object.entries(forms(pin))
      .flatMap(([form, written]) => (lower.includes(written) ? [`${form} ${pin}`] : []))
      .concat(
        // A line for each key, whatever else stands in it.
        alone.includes(pin) ? [`digit by digit ${pin}`] : [],
      ),
  )
}

/** In lower case. */
function forms(pin: string): Record<string, string> {
  const codes = Array.from(pin, (digit) => digit.charCodeAt(0).toString(16))
  // Three digits make four letters, so it is found whatever stands before it only by its own beginning.
  const base64 = [pin, ` ${pin}`, `  ${pin}`].map((text) => Buffer.from(text).toString('base64'))
  const [first = '', second = '', third = ''] = base64
  return {
    plain: pin,
    'URL-encoded': codes.map((code) => `%${code}`).join(''),
    'JSON-escaped': codes.map((code) => `\\u00${code}`).join(''),
    hexadecimal: codes.join(''),
    base64: first.toLowerCase(),
    'base64 one further': second.slice(2, -4).toLowerCase(),
    'base64 two further': third.slice(3, -4).toLowerCase(),
    'with spaces': Array.from(pin).join(' '),
  }
}
