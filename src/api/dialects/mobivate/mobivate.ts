import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from 'express'
import type { DialectParts } from '../../door.ts'
import { noted, parameterBody, readFields, readParameters } from '../../fields.ts'
import { once } from '../../once.ts'
import { type Answer, broken, Fault, refused } from './answers.ts'
import { type Asked, letIn } from './gate.ts'
import { initiating, unsubscribing, validating } from './requests.ts'
import { type Method, METHODS } from './schema.ts'
import { WINDOW_MS } from './signature.ts'
import { status } from './status.ts'

const RUN: { [M in Method]: (asked: Asked<M>) => Promise<Answer> } = {
  initiate: initiating,
  validate_pin: validating,
  unsubscribe: unsubscribing,
  status,
}

/**
 * Mobivate: subscriptions by a PIN that is sent to a number. Source and decisions: docs/dialects/mobivate.md. Mounted at
 * /subscriptions.
 */
export function mobivate({ ctx, phones }: DialectParts): Router {
  const router = Router()
  const serve = (method: Method): RequestHandler<{ campaign: string }> => {
    return async (req, res) => {
      const wanted = { method, campaignId: req.params.campaign, fields: fieldsOf(req) }
      const letThrough = await letIn(ctx, wanted, (account) => {
        noted(res).account = account
      })
      send(res, await answerTo(method, { ctx, phones, requestId: requestIdOf(res), ...letThrough }))
    }
  }
  for (const method of METHODS)
    router.all(`/v1/:campaign/${method}`, allowedFor(method), parameterBody(), serve(method))
  router.use(() => {
    throw new Fault('noSuchMethod')
  })
  router.use(refuse)
  return router
}

/** HEAD too is refused: it would be answered as GET is. */
function allowedFor(method: Method): RequestHandler {
  const allowed = method === 'status' ? ['GET', 'POST'] : ['POST']
  return (req, res, next) => {
    if (allowed.includes(req.method)) return next()
    res.set('Allow', allowed.join(', '))
    throw new Fault('notAllowed')
  }
}

/** A POST has everything in its body; a query would stand in the logs of others. */
function fieldsOf(req: Pick<Request, 'method' | 'url' | 'headers' | 'body'>): Map<string, unknown> {
  return req.method === 'GET' ? readParameters({ url: req.url }) : readFields(req)
}

/** What is signed with its time is carried out once. Looking is not remembered: it tells how things are. */
async function answerTo(method: Method, asked: Asked<Method>): Promise<Answer> {
  // What the method's own schema has read.
  const own = RUN[method] as (asked: Asked<Method>) => Promise<Answer>
  const run = () =>
    own(asked).catch((error: unknown) => {
      const answer = refused(error, asked.requestId)
      if (!answer) throw error
      return answer
    })
  const { user, signature, at } = asked.signed
  if (method === 'status' || at === undefined) return run()
  const identity = { identity: ['mobivate', user, signature], goodUntil: at + WINDOW_MS }
  const text = await once(asked.ctx.store, identity, async () => JSON.stringify(await run()))
  if (text === undefined) throw new Fault('unknownResult', asked)
  return JSON.parse(text) as Answer
}

const refuse: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  const answer = refused(error, requestIdOf(res))
  if (!answer) noted(res).bug = error
  if (res.headersSent) return next(error)
  send(res, answer ?? broken(requestIdOf(res)))
}

function requestIdOf(res: Response): string {
  return noted(res).requestId ?? ''
}

function send(res: Response, { status: code, body }: Answer): void {
  res.status(code).json(body)
}
