import { type ErrorRequestHandler, type RequestHandler, type Response, Router } from 'express'
import type { Account } from '../../../engine/accounts.ts'
import { createAllocation } from '../../../engine/allocate.ts'
import { type Allocation, endAllocation, readAllocation } from '../../../engine/allocations.ts'
import type { Context } from '../../../engine/context.ts'
import { Refusal, type RefusalCode } from '../../../engine/errors.ts'
import { BadRequest, isBadRequest, jsonBody, noted } from '../../fields.ts'
import { login } from '../../login.ts'
import { allocationData, type Code, CODES, failure, success } from './answers.ts'
import { wantedAllocation } from './request.ts'

/**
 * Exotel's GreenPin API: two parties who call each other through virtual numbers, by PIN.
 * Source and decisions: docs/dialects/greenpin.md. Mounted at /v1/tenants.
 */
export function greenpin(ctx: Context): Router {
  const router = Router()
  router.use(authenticate(ctx))
  router.use('/:sid', ownTenant)

  const all = '/:sid/greenpin'
  router.post(all, ...jsonBody(), async (req, res) => {
    const account = accountOf(res)
    grant(res, account, await createAllocation(ctx, account, wantedAllocation(req.body)))
  })

  // The manual's curl samples read and delete a greenpin under `greenvn`.
  const one = ['/:sid/greenpin/:id', '/:sid/greenvn/:id']
  router.get<{ id: string }>(one, async (req, res) => {
    const account = accountOf(res)
    grant(res, account, await readAllocation(ctx, account, req.params.id))
  })
  router.delete<{ id: string }>(one, async (req, res) => {
    const account = accountOf(res)
    grant(res, account, await endAllocation(ctx, account, req.params.id))
  })

  router.all([all, ...one], () => {
    throw new Refusal('forbidden', 'no such operation')
  })
  router.use(() => {
    throw new Refusal('not_found', 'no such resource')
  })
  router.use(refuse)
  return router
}

function authenticate(ctx: Context): RequestHandler {
  return async (req, res, next) => {
    const account = await login(ctx.store, 'greenpin', req.headers.authorization)
    if (!account) {
      res.set('WWW-Authenticate', 'Basic realm="greenpin", charset="UTF-8"')
      return answer(res, failure(7))
    }
    noted(res).account = account
    next()
  }
}

/** The account comes from the credential alone; the path may only agree. Others' names and unknown names sound the same. */
const ownTenant: RequestHandler<{ sid: string }> = (req, res, next) => {
  if (req.params.sid !== accountOf(res).sid) throw new Refusal('forbidden', 'not your tenant id')
  next()
}

function accountOf(res: Response): Account {
  const { account } = noted(res)
  if (!account) throw new Error('a route of greenpin was reached without login')
  return account
}

function grant(res: Response, account: Account, allocation: Allocation): void {
  res.json(success(allocationData(allocation, account)))
}

/** The refusals whose message says which parameter was meant. */
const DETAILED: RefusalCode[] = ['missing', 'invalid']

const refuse: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  if (res.headersSent) return next(error)
  if (error instanceof Refusal) {
    const code: Code = CODES[error.code]
    answer(res, failure(code, DETAILED.includes(error.code) ? error.message : undefined))
  } else if (isBadRequest(error)) {
    answer(res, failure(5, error instanceof BadRequest ? error.message : undefined))
  } else {
    noted(res).bug = error
    answer(res, failure(0))
  }
}

function answer(res: Response, refusal: ReturnType<typeof failure>): void {
  res.status(refusal.status).json(refusal)
}
