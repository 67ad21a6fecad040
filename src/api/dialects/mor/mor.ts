import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from 'express'
import type { Context } from '../../../engine/context.ts'
import type { DialectParts } from '../../door.ts'
import { noted, parameterBody, readAnyParameters } from '../../fields.ts'
import { XML_TYPE } from '../../xml.ts'
import { answerTo } from './answers.ts'
import { balance } from './balance.ts'
import { create } from './create.ts'
import { type Caller, letIn } from './gate.ts'
import { HASHED, type MethodName } from './hash.ts'
import { read, type Sent } from './schema.ts'
import { search } from './search.ts'
import { update } from './update.ts'

/** A request that was let in. */
export type Asked = Caller & { ctx: Context; res: Response }

type Run = (asked: Asked, sent: ReadonlyMap<string, string>) => Promise<void>

function reading<M extends MethodName>(method: M, run: (asked: Asked, sent: Sent<M>) => Promise<void>): Run {
  return (asked, sent) => run(asked, read(method, sent))
}

const RUN: Record<MethodName, Run> = {
  calling_cards_get: reading('calling_cards_get', search),
  calling_cards_create: reading('calling_cards_create', create),
  calling_card_update: reading('calling_card_update', update),
  card_balance_get: reading('card_balance_get', balance),
}

/**
 * Kolmisoft MOR: calling cards. What it does not know it leaves to others: another dialect lives below /api too.
 * Source and decisions: docs/dialects/mor.md. Mounted at /billing/api and /api.
 */
export function mor({ ctx }: DialectParts): Router {
  const router = Router()
  for (const method of Object.keys(HASHED) as MethodName[]) {
    router.all(`/${method}`, getOrPost, parameterBody(), (req, res) => run({ ctx, res }, req, method))
  }
  router.use(refuse)
  return router
}

/** HEAD would be answered as GET is, and here GET can change cards. */
const getOrPost: RequestHandler = (req, _res, next) => {
  next(req.method === 'GET' || req.method === 'POST' ? undefined : 'route')
}

async function run(parts: Omit<Asked, keyof Caller>, req: Request, method: MethodName): Promise<void> {
  const { ctx, res } = parts
  const sent = readAnyParameters(req)
  const isGet = req.method === 'GET'
  const caller = await letIn(ctx, { method, isGet, sent }, (account) => {
    noted(res).account = account
  })
  await RUN[method]({ ...parts, ...caller }, sent)
}

const refuse: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  const { xml, bug } = answerTo(error)
  if (bug !== undefined) noted(res).bug = bug
  if (res.headersSent) return next(error)
  res.status(200).set('Content-Type', XML_TYPE).send(xml)
}
