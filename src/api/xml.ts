/** An element without attributes: its name, which is ours, and its text or the elements in it. */
export type Element = readonly [name: string, content: string | readonly Element[]]

export const XML_TYPE = 'text/xml; charset=utf-8'

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

/** A whole document (XML 1.0), every element on a line of its own. */
export function xmlDocument(root: Element): string {
  return DECLARATION + xmlOf(root)
}

/**
 * What stands before and after elements that are many and come one by one, each of them written with `depth`: a document whose
 * root has these elements in it, each the only one in the one before.
 */
export function xmlAround(names: readonly string[]): { open: string; depth: number; close: string } {
  const lines = names.map((name, depth) => ({
    start: `${indent(depth)}<${name}>\n`,
    end: `${indent(depth)}</${name}>\n`,
  }))
  return {
    open: DECLARATION + lines.map(({ start }) => start).join(''),
    depth: names.length,
    close: lines
      .map(({ end }) => end)
      .reverse()
      .join(''),
  }
}

/** The element, so many elements deep in others; `<name/>` when there is nothing in it. */
export function xmlOf([name, content]: Element, depth = 0): string {
  const before = indent(depth)
  if (content.length === 0) return `${before}<${name}/>\n`
  if (typeof content === 'string') {
    const text = escaped(content)
    return text === '' ? `${before}<${name}/>\n` : `${before}<${name}>${text}</${name}>\n`
  }
  return `${before}<${name}>\n${content.map((child) => xmlOf(child, depth + 1)).join('')}${before}</${name}>\n`
}

function indent(depth: number): string {
  return '  '.repeat(depth)
}

/** All but Char (XML 1.0 section 2.2), which no reference can stand for either. Halves of surrogate pairs are among it. */
const FORBIDDEN = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu

/** Parsers read a carriage return as the end of a line (section 2.11) unless it is written so. */
const REFERENCES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#13;',
}

function escaped(text: string): string {
  return text.replace(FORBIDDEN, '').replace(/[&<>"'\r]/g, (sign) => REFERENCES[sign] ?? '')
}
