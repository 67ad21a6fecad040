import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from 'express'
import type { Event } from '../../../engine/events.ts'
import type { DialectParts } from '../../door.ts'
import { BadRequest, noted, parameterBody, readAnyParameters } from '../../fields.ts'
import { BROKEN, Fault, granted, refused } from './answers.ts'
import { understand } from './modules.ts'
import { once } from './once.ts'
import { type Signed, signedBy } from './signature.ts'

/**
 * 42com: prepaid cards by CLI, vouchers, rates, records, callbacks, in nine modules behind one address.
 * Source and decisions: docs/dialects/42com.md. Mounted at /api/rest.
 */
export function fortyTwoCom({ ctx, phones }: DialectParts): Router {
  const router = Router()
  const signed: RequestHandler = async (req, res, next) => {
    const by = await signedBy(ctx.store, req.headers, ctx.now())
    noted(res).account = by.account
    signatures.set(res, by)
    next()
  }
  const serve: RequestHandler = async (req, res) => {
    const { module, sent, changes, run } = understand(pathOf(req), readAnyParameters(req))
    const by = signatureOf(res)
    const work = () => run({ ctx, phones, ...by })
    const identity = { signed: by, module, sent }
    send(res, changes ? await once(ctx, identity, work) : granted(await work()))
  }
  router.all('/v2', signed, getOrPost, parameterBody(), serve)
  router.all('/v3/:module', signed, getOrPost, parameterBody(), serve)
  router.use(signed, () => {
    throw new Fault(404)
  })
  router.use(refuse)
  return router
}

const signatures = new WeakMap<Response, Signed>()

function signatureOf(res: Response): Signed {
  const by = signatures.get(res)
  if (!by) throw new Error('nobody has looked who signed this request')
  return by
}

/** HEAD is answered as GET is unless one says otherwise, and here GET can book money. */
const getOrPost: RequestHandler = (req, _res, next) => {
  if (req.method !== 'GET' && req.method !== 'POST') throw new BadRequest('the method must be GET or POST')
  next()
}

function pathOf(req: Request): string | undefined {
  const { module } = req.params
  return typeof module === 'string' ? module : undefined
}

/** The vendor's clients look for `codes` in answers of status 200 only. */
function send(res: Response, answer: string): void {
  res.status(200).type('application/json').send(answer)
}

const refuse: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  const answer = refused(error)
  if (answer === undefined) noted(res).bug = error
  if (res.headersSent) return next(error)
  send(res, answer ?? BROKEN)
}

/** A text message that the account's own gateway shall send. */
export function callbackBody(event: Event): object | undefined {
  if (event.type !== 'sms.requested') return undefined
  return { id: event.id, to: event.to, text: event.text }
}
