/** Engine milliseconds to the store's UTC text. */
export function text(ms: number): string
export function text(ms: number | undefined): string | null
export function text(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}

/** The store's UTC text to engine milliseconds. */
export function ms(text: string): number
export function ms(text: string | null): number | undefined
export function ms(text: string | null): number | undefined {
  return text === null ? undefined : Date.parse(text)
}
