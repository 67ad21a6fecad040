/** An element of a document that `parseXml` has taken. */
export type XmlElement = { name: string; text: string; children: XmlElement[] }

const NAME = '[A-Za-z_][A-Za-z0-9._-]*'
const DECLARATION = /^<\?xml version="1\.0" encoding="UTF-8"\?>\n/
const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * Reads a document (XML 1.0) that has elements and text only, as a conforming parser would; throws at the first thing that it would
 * not take, and also at what is allowed and of which we write nothing: attributes, comments, CDATA, doctypes, text between elements.
 */
export function parseXml(document: string): XmlElement {
  if (!DECLARATION.test(document)) throw new Error('no declaration')
  const body = document.replace(DECLARATION, '')
  for (const character of body)
    if (!isChar(character.codePointAt(0)!)) throw new Error('a character that XML does not allow')
  const top: XmlElement = { name: '', text: '', children: [] }
  const open = [top]
  const token = new RegExp(`<(/?)(${NAME})(/?)>|([^<]+)`, 'y')
  while (token.lastIndex < body.length) {
    const at = token.lastIndex
    const [, slash, name, empty, text] = token.exec(body) ?? []
    const inner = open.at(-1)!
    if (text !== undefined) {
      inner.text += text
    } else if (name === undefined) {
      throw new Error(`neither a tag nor text: ${JSON.stringify(body.slice(at, at + 40))}`)
    } else if (slash === '/') {
      if (empty === '/' || inner === top || inner.name !== name) throw new Error(`</${name}> ends nothing`)
      open.pop()
      close(inner)
    } else {
      const element: XmlElement = { name, text: '', children: [] }
      inner.children.push(element)
      if (empty !== '/') open.push(element)
    }
  }
  if (open.length > 1) throw new Error(`<${open.at(-1)!.name}> is not ended`)
  const [root, ...others] = top.children
  if (!root || others.length > 0 || top.text.trim() !== '') throw new Error('not exactly one root')
  return root
}

function close(element: XmlElement): void {
  if (element.children.length === 0) element.text = textOf(element.text)
  else if (/[^ \t\r\n]/.test(element.text)) throw new Error(`text between the elements of <${element.name}>`)
  else element.text = ''
}

function textOf(written: string): string {
  if (written.includes(']]>')) throw new Error(']]> in text')
  return written.replaceAll(/\r\n?/g, '\n').replaceAll(/&([^&;]*;?)/g, (_, reference: string) => {
    const [, decimal, hex, named] = /^(?:#(\d+)|#x([0-9a-fA-F]+)|([a-z]+));$/.exec(reference) ?? []
    if (named !== undefined && Object.hasOwn(NAMED, named)) return NAMED[named]!
    const code = decimal !== undefined ? Number(decimal) : parseInt(hex ?? '', 16)
    if (!isChar(code)) throw new Error(`a reference to nothing: &${reference}`)
    return String.fromCodePoint(code)
  })
}

/** Char of XML 1.0 section 2.2. */
function isChar(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff)
}

/** As our documents describe elements: text, or an object of the elements in one, with a list where there are several. */
export function toObject({ text, children }: XmlElement, lists: readonly string[] = []): unknown {
  if (children.length === 0) return text
  const found: Record<string, unknown> = {}
  for (const child of children) {
    const value = toObject(child, lists)
    if (lists.includes(child.name))
      found[child.name] = [...((found[child.name] as unknown[] | undefined) ?? []), value]
    else if (child.name in found) throw new Error(`<${child.name}> comes twice`)
    else found[child.name] = value
  }
  return found
}
