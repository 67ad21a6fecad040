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
    if (!isJson(req)) {
      throw new BadRequest('Content-Type must be application/json')
    }
    req.body = parseJson(Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0))
    next()
  }
  return [bytesOf(() => true, MAX_BYTES), parse]
}

/** Reads a body of such a type into `req.body`. One that is late is a BadRequest (`bodiesInTime`). */
function bytesOf(type: (req: Pick<Request, 'headers'>) => boolean, limit: number): RequestHandler {
  const read: RequestHandler = raw({ type, limit, inflate: false })
  return (req, res, next) => {
    const done = (error?: unknown) => {
      if (noted(res).onLate !== done) return
      delete noted(res).onLate
      next(error)
    }
    noted(res).onLate = done
    read(req, res, done)
  }
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
  const found = new Map<string, string>()
  addParameters(found, queryOf(req), 'query')
  return found
}

const MAX_FORM_BYTES = 64 * 1024

/** Reads a body of at most 64 kB that is declared as `application/x-www-form-urlencoded`; leaves any other unread. */
export function formBody(): RequestHandler {
  return bytesOf(isForm, MAX_FORM_BYTES)
}

/** Whether the request says that its body is a form. */
export function isForm({ headers }: Pick<Request, 'headers'>): boolean {
  return /^application\/x-www-form-urlencoded *(;|$)/i.test(headers['content-type'] ?? '')
}

/**
 * The parameters of the query and of the form that `formBody` has read, together and as strictly as `readQuery`: no name
 * twice over both. Throws BadRequest for control characters too.
 */
export function readParameters(req: Pick<Request, 'url'> & { body?: unknown }): Map<string, string> {
  const found = new Map<string, string>()
  addParameters(found, queryOf(req), 'query')
  if (Buffer.isBuffer(req.body)) addParameters(found, req.body.toString(), 'form')
  for (const [name, value] of found) {
    if (/\p{Cc}/u.test(name + value)) throw new BadRequest('a parameter has control characters')
  }
  return found
}

const JSON_STRING = /"(?:[^"\\]|\\.)*"(\s*:)?/g

/**
 * Reads a body of at most 64 kB that is declared as a form or as JSON, for `readAnyParameters`. A body of any other kind is a
 * BadRequest.
 */
export function parameterBody(): RequestHandler {
  const isKnown = (req: Pick<Request, 'headers'>) => isForm(req) || isJson(req)
  const read = bytesOf(isKnown, MAX_FORM_BYTES)
  return (req, res, next) => {
    if (hasBody(req) && !isKnown(req)) throw new BadRequest('the body must be a form or JSON')
    read(req, res, next)
  }
}

/**
 * Like `readParameters`, and as strict, but the body may also be one JSON object of plain values, even where it says that it is a
 * form: no form begins with a brace. Numbers count as they are written in JSON, true and false as 1 and 0, null as absent.
 */
export function readAnyParameters(
  req: Pick<Request, 'url' | 'headers'> & { body?: unknown },
): Map<string, string> {
  const entries = jsonEntries(req)
  if (!entries) return readParameters(req)
  const found = readParameters({ url: req.url })
  for (const [name, part] of entries) {
    const value = plainText(part)
    if (value === undefined) continue
    if (found.has(name)) throw new BadRequest('a parameter of the query comes again in the body')
    addTo(found, name, value)
  }
  return found
}

/**
 * The fields of a body that `parameterBody` has read, and of nothing else: those of a form as text, those of one JSON object, even
 * where it says that it is a form, as they are, lists and objects too. No name twice, wherever it stands; otherwise as strict as
 * `readAnyParameters`.
 */
export function readFields(req: Pick<Request, 'headers'> & { body?: unknown }): Map<string, unknown> {
  const entries = jsonEntries(req)
  if (!entries) return readParameters({ url: '', body: req.body })
  const found = new Map<string, unknown>()
  for (const [name, value] of entries) addTo(found, name, value)
  return found
}

function addTo<V>(found: Map<string, V>, name: string, value: V): void {
  if (found.size >= MAX_PARAMETERS) throw new BadRequest('too many parameters in the body')
  const text = typeof value === 'string' ? name + value : name
  if (/[\p{Cc}\ufffd]/u.test(text) || !text.isWellFormed())
    throw new BadRequest('a parameter has characters that are not allowed')
  found.set(name, value)
}

/** What stands in a JSON object that is the body; undefined for a form, and for a body without anything. */
function jsonEntries(req: Pick<Request, 'headers'> & { body?: unknown }): [string, unknown][] | undefined {
  const bytes = Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0)
  const text = bytes.toString()
  const isForm = !isJson(req) && !/^\s*\{/.test(text)
  if (isForm || text.trim() === '') return undefined
  const value = parseJson(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BadRequest('the body must be a JSON object')
  // The parser keeps the last of two keys and says nothing.
  const keys = [...text.matchAll(JSON_STRING)].filter(([, colon]) => colon !== undefined)
  if (keys.length !== keysIn(value)) throw new BadRequest('a parameter of the body comes twice')
  return Object.entries(value)
}

/** How many keys all objects in a value have together. */
function keysIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const children = Object.values(value).reduce<number>((sum, child) => sum + keysIn(child), 0)
  return children + (Array.isArray(value) ? 0 : Object.keys(value).length)
}

/** Undefined for null. Throws BadRequest for what is nested, and for whole numbers that were not read exactly. */
function plainText(value: unknown): string | undefined {
  if (value === null) return undefined
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value !== 'number' || Math.abs(value) > Number.MAX_SAFE_INTEGER)
    throw new BadRequest('a parameter of the body is no plain value')
  return String(value)
}

function isJson({ headers }: Pick<Request, 'headers'>): boolean {
  return /^application\/json *(;|$)/i.test(headers['content-type'] ?? '')
}

function hasBody({ headers }: Pick<Request, 'headers'>): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function queryOf({ url }: Pick<Request, 'url'>): string {
  const [, query = ''] = /\?(.*)$/s.exec(url) ?? []
  return query
}

function addParameters(found: Map<string, string>, encoded: string, where: 'query' | 'form'): void {
  for (const [name, value] of new URLSearchParams(encoded)) {
    if (found.has(name)) throw new BadRequest(`a parameter of the ${where} comes twice`)
    if (found.size >= MAX_PARAMETERS) throw new BadRequest(`too many parameters in the ${where}`)
    if (`${name}${value}`.includes('\ufffd')) throw new BadRequest(`the ${where} is not UTF-8`)
    found.set(name, value)
  }
}

/** Whether reading the request failed because of what the client sent: ours, the body reader's, or a path that does not decode. */
export function isBadRequest(error: unknown): boolean {
  if (error instanceof BadRequest) return true
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  return typeof status === 'number' && status >= 400 && status < 500
}

/** What the doors of one request tell each other through `res.locals`. */
type Noted = {
  requestId?: string
  account?: Account
  bug?: unknown
  /** Of whoever reads the body now. */
  onLate?: (error: BadRequest) => void
  /** Lifts the limit on the time of the body. */
  mayTakeLong?: () => void
}

/** The notes of this request. A dialect answers a bug in its own words and leaves it here for the log. */
export function noted(res: Response): Noted {
  return res.locals
}
