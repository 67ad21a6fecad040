/**
 * An update as the manual's Node sample sends it: with the package `request`, and no space after `Basic`.
 * node put.ts URL USER TOKEN <body.json; prints the answer's body and, as the last line, its status.
 */
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'

type Options = { method: string; url: string; headers: Record<string, string>; body: string }
type Done = (error: Error | null, response?: { statusCode: number; body: string }) => void

const load = createRequire(import.meta.url)
const request = load('request') as (options: Options, done: Done) => void

const [url = '', user = '', token = ''] = process.argv.slice(2)
const encoding = Buffer.from(`${user}:${token}`).toString('base64')
const headers = { Authorization: `Basic${encoding}`, 'Content-Type': 'application/json' }
const body = JSON.stringify(JSON.parse(await text(process.stdin)))

request({ method: 'PUT', url, headers, body }, (error, response) => {
  if (!response) throw error ?? new Error('no answer')
  console.log(`${response.body}\n${response.statusCode}`)
})
