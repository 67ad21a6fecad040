import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { headersFault, MOST_HEADER_BYTES, MOST_HEADERS } from '../../src/engine/sent-headers.ts'

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`x-${n}`, 'v']))

describe('headers of a gateway', () => {
  test.each([
    {},
    { authorization: 'Bearer eyJhbGciOi.J9-_~+/=' },
    { 'x-api-key': 's3cr3t', cookie: 'a=b; c="d"' },
    { "!#$%&'*+-.^_`|~09az": '!~' },
    { x: ' '.repeat(8).padStart(9, '(').padEnd(10, ')') },
    { webhook: '1', 'webhook-key': '1', 'content-encoding-x': '1', proxy: '1', constructor: '1' },
    many(MOST_HEADERS),
    { x: 'v'.repeat(MOST_HEADER_BYTES - 1) },
  ])('can be %j', (headers) => {
    expect(headersFault(headers)).toBeUndefined()
  })

  test.each([
    ...['', ' ', 'x api key', ' x-api-key', 'x-api-key ', 'x-api-key:', 'x\r\ny', 'x\n', 'x\0', 'x\t'],
    ...[
      'X-Api-Key',
      'Content-Type',
      'x(y)',
      'x"y"',
      'x/y',
      'x@y',
      'x[y]',
      'x{y}',
      'x,y',
      'x;y',
      'x=y',
      'x?y',
    ],
    ...['ümlaut', 'x\u212a', 'x\ud83d', '\u200bx', '__proto__'],
  ])('cannot be called %j', (name) => {
    expect(headersFault({ ok: 'v', [name]: 'v' })).toEqual({ fault: 'name', name })
  })

  test('are not called the same in two ways', () => {
    expect(headersFault({ 'x-api-key': '1', 'X-Api-Key': '2' })).toEqual({ fault: 'name', name: 'X-Api-Key' })
    expect(headersFault({ 'X-Api-Key': '1', 'x-api-key': '2' })).toEqual({ fault: 'name', name: 'X-Api-Key' })
  })

  test.each([
    ...['host', 'content-length', 'content-type', 'transfer-encoding', 'connection', 'te', 'trailer'],
    ...['upgrade', 'keep-alive', 'expect', 'user-agent', 'proxy-authorization', 'proxy-connection', 'proxy-'],
    ...['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  ])('cannot be %s', (name) => {
    expect(headersFault({ ok: 'v', [name]: 'v' })).toEqual({ fault: 'ours', name })
  })

  test.each([
    ...[
      '',
      ' ',
      ' v',
      'v ',
      '\tv',
      'a\tb',
      'a\r\nx-more: 1',
      'a\n',
      'a\r',
      '\r\n\r\nbody',
      'a\0b',
      'a\x7fb',
      'a\x1bb',
    ],
    ...['caf\u00e9', 'a\u0080b', 'a\u00a0b', 'a\u2028b', '\ud83d\udcf0', 'a\ud83d', '\u560d\u560ax-more: 1'],
    ...['{{pin}}', 'Bearer {{'],
  ])('cannot have the value %j', (value) => {
    expect(headersFault({ ok: 'v', name: value })).toEqual({ fault: 'value', name: 'name' })
  })

  test('are not too many and not too long', () => {
    expect(headersFault(many(MOST_HEADERS + 1))).toEqual({ fault: 'count' })
    expect(headersFault({ x: 'v'.repeat(MOST_HEADER_BYTES) })).toEqual({ fault: 'size' })
    expect(headersFault({ ['x'.repeat(MOST_HEADER_BYTES)]: 'v' })).toEqual({ fault: 'size' })
    const half = 'v'.repeat(MOST_HEADER_BYTES / 2)
    expect(headersFault({ x: half, y: half })).toEqual({ fault: 'size' })
  })

  test('that can be sent are headers for Node.js too', () => {
    const single = ['a', 'Z', '0', '-', '_', ' ', ':', '\r', '\n', '\t', '\0', '"', '\u00e9', '\u212a', '{{']
    const part = fc.constantFrom(...single, 'x', 'y', 'key')
    const text = fc.array(part, { maxLength: 4 }).map((parts) => parts.join(''))
    let good = 0
    fc.assert(
      fc.property(text, text, (name, value) => {
        if (headersFault({ [name]: value })) return
        good++
        validateHeaderName(name)
        validateHeaderValue(name, value)
        // RFC 9112 5: what a reader makes of the line is what was meant.
        expect(new Headers([[name, value]]).get(name)).toBe(value)
      }),
      { numRuns: 5_000 },
    )
    expect(good).toBeGreaterThan(50)
  })
})
