/** Lower-case names and their values, which a gateway wants with each request: its key, usually. May be empty. */
export type SentHeaders = Readonly<Record<string, string>>

/** What is wrong with headers: with that of this name, if it has one; never with which value, for that is a secret. */
export type HeaderFault = { fault: 'name' | 'ours' | 'value'; name: string } | { fault: 'count' | 'size' }

export const MOST_HEADERS = 20
/** Names and values together, in bytes. */
export const MOST_HEADER_BYTES = 4_096

/** RFC 9110 5.6.2, in lower case: one name is written in one way. */
const NAME = /^[a-z\d!#$%&'*+.^_`|~-]+$/
/** RFC 9110 5.5 without tabs and bytes beyond ASCII. An empty one is a key that somebody forgot. */
const VALUE = /^[!-~](?:[ -~]*[!-~])?$/
/** What is sent by us, or says where a request ends, who may read it or what becomes of its connection. */
const OURS: ReadonlySet<string> = new Set([
  ...[
    'host',
    'content-length',
    'content-encoding',
    'content-type',
    'transfer-encoding',
    'connection',
    'te',
    'trailer',
    'upgrade',
    'http2-settings',
  ],
  ...['keep-alive', 'expect', 'user-agent', 'webhook-id', 'webhook-timestamp', 'webhook-signature'],
])

/** Why these cannot be sent; undefined when they can. */
export function headersFault(headers: SentHeaders): HeaderFault | undefined {
  const all = Object.entries(headers)
  if (all.length > MOST_HEADERS) return { fault: 'count' }
  for (const [name, value] of all) {
    // A token, but a name that an object may lose.
    if (!NAME.test(name) || name === '__proto__') return { fault: 'name', name }
    if (OURS.has(name) || name.startsWith('proxy-')) return { fault: 'ours', name }
    // Only the body is filled in: a place would be sent as it stands.
    if (!VALUE.test(value) || value.includes('{{')) return { fault: 'value', name }
  }
  const bytes = all.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  return bytes > MOST_HEADER_BYTES ? { fault: 'size' } : undefined
}
