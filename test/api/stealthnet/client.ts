import { expect } from '@jest/globals'
import { checkPin } from '../../../src/engine/pin-check.ts'
import type { Account } from '../../../src/engine/accounts.ts'
import { SECRET } from '../../support/context.ts'
import type { Door } from '../door.ts'

export type Parameters = Record<string, string>
export type Answer = { status: number; text: string; headers: Headers }

/** A client of the page, who writes all parameters into the query of a GET. */
export type Client = {
  /** Where this request goes. */
  url: (parameters: Parameters) => string
  get: (parameters: Parameters) => Promise<Answer>
  /** The parameters in a form instead. */
  post: (parameters: Parameters) => Promise<Answer>
  /** Sends a CSV of PINs. */
  upload: (body: string | Uint8Array<ArrayBuffer>, parameters?: Parameters) => Promise<Answer>
  /** The records of a download, cell by cell. */
  records: (parameters: Parameters) => Promise<string[][]>
}

export function clientOf({ url }: Pick<Door, 'url'>, uid = 'acme'): Client {
  const login = { uid, token: SECRET }
  const urlOf = (parameters: Parameters) => `${url}/simple-pins/?${query({ ...login, ...parameters })}`
  const get = (parameters: Parameters) => answer(fetch(urlOf(parameters)))
  return {
    url: urlOf,
    get,
    post: (parameters) =>
      answer(
        fetch(`${url}/simple-pins`, {
          method: 'POST',
          body: new URLSearchParams({ ...login, ...parameters }),
        }),
      ),
    upload: (body, parameters = {}) =>
      answer(
        fetch(urlOf({ action: 'upload-pins', ...parameters }), {
          method: 'POST',
          body,
          headers: { 'Content-Type': 'text/csv' },
        }),
      ),
    records: async (parameters) => {
      const { status, text } = await get(parameters)
      if (status !== 200) throw new Error(`${status} ${text}`)
      return recordsIn(text)
    },
  }
}

export function query(parameters: Parameters): string {
  return new URLSearchParams(parameters).toString()
}

/** The records of a CSV whose cells need no quotes. */
function recordsIn(text: string): string[][] {
  if (text === '') return []
  if (!text.endsWith('\n')) throw new Error('the last record is not ended')
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => line.split(','))
}

export async function answer(sent: Promise<Response>): Promise<Answer> {
  const got = await sent
  return { status: got.status, headers: got.headers, text: await got.text() }
}

/** One plain sentence of ours, in which nothing of what was sent stands. */
export function expectRefusal({ status, text, headers }: Answer, sentence?: string | RegExp): void {
  expect({ status, text }).toEqual({
    status: 403,
    text: expect.stringMatching(/^[A-Z][\w :/-]{10,100}\.\n$/) as unknown,
  })
  expect(headers.get('content-type')).toBe('text/plain; charset=utf-8')
  if (sentence !== undefined) expect(text).toMatch(sentence)
}

/** A PIN is used as a caller on a line uses it. */
export function use(
  door: Pick<Door, 'ctx'>,
  account: Account,
  pin: string,
  key?: string,
  database = 1,
  way = 'trunk',
) {
  return checkPin(door.ctx, { account, database, pin, key, way })
}

/** Every action with parameters that are granted, for a database that has the PINs 7000 to 7002. */
export const GRANTED: Record<string, Parameters> = {
  'download-uses': { year: '2020', month: '03', day: '27' },
  'download-dbs': {},
  'download-db': {},
  'write-pins': { 'start-pin': '7000', 'end-pin': '7002' },
  'delete-pins': { 'start-pin': '7001', 'end-pin': '7002' },
  'download-keys': { pin: '7000' },
  'delete-key': { pin: '7000', value: '+919812345678' },
  'delete-keys': { pin: '7000' },
  'check-pin': { pin: '7000', key: '+919812345678' },
  'write-db': { 'max-keys': '3' },
  'upload-pins': {},
}
