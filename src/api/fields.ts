import { raw, type Request, type RequestHandler, type Response } from 'express'
import type { Account } from '../engine/accounts.ts'

/** The request cannot be understood at all. The message is ours and safe to answer. */
export class BadRequest extends Error {
  override name = 'BadRequest'
}

const MAX_BYTES = 256 * 1024
const MAX_DEPTH = 8
const POISON = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Reads a JSON body into `req.body`: at most 256 kB of UTF-8, nested at most 8 deep, declared as `application/json`.
 * Anything else is a BadRequest or an error that `isBadRequest` knows.
 */
export function jsonBody(): RequestHandler[] {
  const parse: RequestHandler = (req, _res, next) => {
    // Browsers send undeclared and text bodies across origins with remembered Basic logins; JSON they ask about first.
    if (!/^application\/json *(;|$)/i.test(req.headers['content-type'] ?? '')) {
      throw new BadRequest('Content-Type must be application/json')
    }
    req.body = parseJson(Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0))
    next()
  }
  return [raw({ type: () => true, limit: MAX_BYTES, inflate: false }), parse]
}

/** Throws BadRequest for what is no JSON, is nested too deep, or has keys that programs trip over. */
function parseJson(bytes: Uint8Array): unknown {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new BadRequest('the body is not JSON')
  }
  const left: [unknown, number][] = [[value, 1]]
  for (let next = left.pop(); next; next = left.pop()) {
    const [node, depth] = next
    if (typeof node !== 'object' || node === null) continue
    if (depth > MAX_DEPTH) throw new BadRequest('the body is nested too deep')
    for (const [key, child] of Object.entries(node)) {
      if (POISON.has(key)) throw new BadRequest('the body has a key that is not allowed')
      left.push([child, depth + 1])
    }
  }
  return value
}

const MAX_PARAMETERS = 50

/**
 * The parameters of the request's query, each as text. Throws BadRequest for a name that comes twice, as nobody can say
 * which of the two is meant, for more than 50 of them and for what is not UTF-8.
 */
export function readQuery(req: Pick<Request, 'url'>): Map<string, string> {
  const [, query = ''] = /\?(.*)$/s.exec(req.url) ?? []
  const found = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (found.has(name)) throw new BadRequest('a parameter of the query comes twice')
    if (found.size >= MAX_PARAMETERS) throw new BadRequest('too many parameters in the query')
    if (`${name}${value}`.includes('\ufffd')) throw new BadRequest('the query is not UTF-8')
    found.set(name, value)
  }
  return found
}

/** Whether reading the request failed because of what the client sent: ours, the body reader's, or a path that does not decode. */
export function isBadRequest(error: unknown): boolean {
  if (error instanceof BadRequest) return true
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  return typeof status === 'number' && status >= 400 && status < 500
}

/** What the doors of one request tell each other through `res.locals`. */
type Noted = { requestId?: string; account?: Account; bug?: unknown }

/** The notes of this request. A dialect answers a bug in its own words and leaves it here for the log. */
export function noted(res: Response): Noted {
  return res.locals
}
