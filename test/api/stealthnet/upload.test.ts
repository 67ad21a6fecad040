import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Door, openDoor } from '../door.ts'
import { type Client, clientOf } from './client.ts'

let door: Door
let client: Client
beforeEach(async () => {
  door = await openDoor()
  client = clientOf(door)
})
afterEach(() => door.close())

const list = async (db = '1') => (await client.get({ action: 'download-db', db })).text

type Report = {
  created: number
  changed: number
  unchanged: number
  refused: number
  refusals: { line: number; wrong: string }[]
}
async function upload(
  body: string | Uint8Array<ArrayBuffer>,
  more: Record<string, string> = {},
): Promise<Report> {
  const { status, text } = await client.upload(body, { output: 'json', ...more })
  expect({ status, text }).toEqual({ status: 200, text: expect.stringMatching(/^{.*}\n$/) as unknown })
  return JSON.parse(text) as Report
}
const report = (change: Partial<Report>): Report => {
  const refused = change.refusals?.length ?? 0
  return { created: 0, changed: 0, unchanged: 0, refused, refusals: [], ...change }
}

describe('upload-pins', () => {
  test('takes what download-db gives, unchanged', async () => {
    await client.get({ action: 'write-pins', 'start-pin': '0098', 'end-pin': '0102' })
    const dates = { 'begins-at': '2020-01-01 00:00:00', 'expires-at': '2027-01-01 00:00:00' }
    await client.get({ action: 'write-pins', 'start-pin': '0099', 'end-pin': '0100', ...dates })
    const before = await list()
    expect(await upload(before)).toEqual(report({ unchanged: 5 }))
    await client.get({ action: 'delete-pins', 'start-pin': '0098', 'end-pin': '0099' })
    await client.get({ action: 'write-pins', 'start-pin': '0100', 'end-pin': '0101' })
    expect(await upload(before)).toEqual(report({ created: 2, changed: 1, unchanged: 2 }))
    expect(await list()).toBe(before)
  })

  test('takes columns from the left: a PIN alone, with its database or none, with dates', async () => {
    const lines = [
      '1',
      '2,',
      '3,1',
      '4,,2027-01-01 00:00:00',
      '5,1,2027-01-01 00:00:00,2026-01-01 00:00:00',
      '6,,,',
      '7,1,,2026-01-01 00:00:00',
    ]
    expect(await upload(lines.join('\n'))).toEqual(report({ created: 7 }))
    expect(await list()).toBe(
      [
        ...[
          '1,1,,',
          '2,1,,',
          '3,1,,',
          '4,1,2027-01-01 00:00:00,',
          '5,1,2027-01-01 00:00:00,2026-01-01 00:00:00',
        ],
        ...['6,1,,', '7,1,,2026-01-01 00:00:00', ''],
      ].join('\n'),
    )
  })

  test.each([
    ['line feeds', '1\n2\n3\n'],
    ['no last line end', '1\n2\n3'],
    ['CR LF', '1\r\n2\r\n3\r\n'],
    ['empty lines', '\n\n1\n  \n2\n\t\n3\n\n\n'],
    ['quotes', '"1"\n"2","1"\n"3","","",""\r\n'],
    ['a byte order mark', '\ufeff1\n2\n3\n'],
  ])('reads CSV with %s', async (_what, body) => {
    expect(await upload(body)).toEqual(report({ created: 3 }))
    expect(await list()).toBe('1,1,,\n2,1,,\n3,1,,\n')
  })

  test.each([1, 2, 3, 5, 7])('reads CSV that comes in pieces of %d bytes', async (size) => {
    const csv = Buffer.from('\ufeff1,1,2027-01-01 00:00:00,\r\n"2"\r\n\r\né\r\n3\r\n')
    const sent = httpRequest(client.url({ action: 'upload-pins' }), {
      method: 'POST',
      headers: { 'Content-Type': 'text/csv' },
    })
    for (let at = 0; at < csv.length; at += size) {
      sent.write(csv.subarray(at, at + size))
      await new Promise(setImmediate)
    }
    sent.end()
    const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream]
    let text = ''
    for await (const chunk of response) text += String(chunk)
    expect(text).toBe('created,3,\nchanged,0,\nunchanged,0,\nrefused,1,\nline,4,pin\n')
  })

  test('refuses lines, each with its number and what is wrong, and takes the others', async () => {
    const lines: [string, (string | undefined)?][] = [
      ['1000'],
      ['', undefined],
      ['=1+1', 'pin'],
      ['1234567890123456', 'pin'],
      [' 7', 'pin'],
      ['ä', 'pin'],
      ['7,2', 'db'],
      ['7,01', 'db'],
      ['7,x', 'db'],
      ['7,2027-01-01 00:00:00', 'db'],
      ['7,1,2027-02-30 00:00:00', 'expires-at'],
      ['7,1,2027-01-01T00:00:00', 'expires-at'],
      ['7,1,2027-01-01', 'expires-at'],
      ['7,1,,24:00:00', 'begins-at'],
      ['7,1,2026-01-01 00:00:00,2026-01-01 00:00:00', 'expires-at'],
      ['7,1,,,', 'columns'],
      ['"7', 'columns'],
      ['7"', 'columns'],
      ['"7"8', 'columns'],
      ['"a""b"', 'pin'],
      ['"7\n8"', 'columns'],
      ['x'.repeat(300), 'columns'],
      ['7\0', 'pin'],
      ['PIN,DB,Expires Date Time,Begins Date Time', 'db'],
      ['2000'],
    ]
    const body = lines.map(([line]) => line).join('\n')
    const got = await upload(body)
    let number = 0
    const refusals = lines.flatMap(([line, wrong]) => {
      // One of them has a line break, and is two.
      return line.split('\n').flatMap(() => (number++, wrong === undefined ? [] : [{ line: number, wrong }]))
    })
    expect(got).toEqual(report({ created: 2, refusals }))
    expect(await list()).toBe('1000,1,,\n2000,1,,\n')
  })

  test('names the first hundred of them, and counts all', async () => {
    const got = await upload('=\n'.repeat(5_000))
    expect(got).toMatchObject({ refused: 5_000, created: 0 })
    expect(got.refusals.map(({ line }) => line)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  })

  test('says the same as CSV', async () => {
    const { text, headers } = await client.upload('1\n=\n2,1\n=\n')
    expect(text).toBe('created,2,\nchanged,0,\nunchanged,0,\nrefused,2,\nline,2,pin\nline,4,pin\n')
    expect(headers.get('content-type')).toMatch(/^text\/csv;/)
  })

  test('of a PIN that is listed twice the later line wins', async () => {
    expect(await upload('1,,2027-01-01 00:00:00\n2\n1,,2028-01-01 00:00:00\n')).toEqual(
      report({ created: 2, changed: 1 }),
    )
    expect(await list()).toBe('1,1,2028-01-01 00:00:00,\n2,1,,\n')
  })

  test('of nothing does nothing', async () => {
    expect(await upload('')).toEqual(report({}))
    expect(await list()).toBe('')
  })
})

describe('a dry run', () => {
  const LINES = '1\n2,1,2027-01-01 00:00:00\n3\n=\n'

  test('says what the upload then does, and changes nothing', async () => {
    await client.get({ action: 'write-pins', 'start-pin': '1', 'end-pin': '2' })
    const before = await list()
    const said = await upload(LINES, { 'dry-run': 'yes' })
    expect(said).toEqual(
      report({ created: 1, changed: 1, unchanged: 1, refusals: [{ line: 4, wrong: 'pin' }] }),
    )
    expect(await list()).toBe(before)
    expect(await upload(LINES, { 'dry-run': 'no' })).toEqual(said)
    expect(await list()).not.toBe(before)
  })

  test('makes no database', async () => {
    expect(await upload(LINES.replace(',1,', ',7,'), { 'dry-run': 'yes', db: '7' })).toMatchObject({
      created: 3,
    })
    expect(await door.ctx.store.findPinDatabase(door.account.id, 7)).toBeUndefined()
  })
})
