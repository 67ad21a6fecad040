import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from 'express'
import type { Account } from '../../../engine/accounts.ts'
import { createAllocation } from '../../../engine/allocate.ts'
import { endAllocation, readAllocation } from '../../../engine/allocations.ts'
import type { Context } from '../../../engine/context.ts'
import { Refusal } from '../../../engine/errors.ts'
import { changeSettings } from '../../../engine/settings.ts'
import { updateAllocation } from '../../../engine/update.ts'
import type { DialectParts } from '../../door.ts'
import { BadRequest, jsonBody, noted, readQuery } from '../../fields.ts'
import { login } from '../../login.ts'
import { allocationData, CodedRefusal, type Failure, failure, refusalOf, success } from './answers.ts'
import { bulkItems, isBulk, updateEach } from './bulk.ts'
import { listPage } from './list.ts'
import { wantedAllocation, wantedChange } from './request.ts'
import { inVendorsWords, settingsData, wantedSettings } from './settings.ts'

/**
 * Exotel's GreenPin API: two parties who call each other through virtual numbers, by PIN.
 * Source and decisions: docs/dialects/greenpin.md. Mounted at /v1/tenants.
 */
export function greenpin({ ctx, refusedReceiver }: DialectParts): Router {
  const router = Router()
  router.use(authenticate(ctx))
  router.use('/:sid', ownTenant)
  const all = '/:sid/greenpin'
  const settings = '/:sid/settings'
  // The manual's curl samples read and delete a greenpin under `greenvn`.
  const one = ['/:sid/greenpin/:id', '/:sid/greenvn/:id']
  routeAll(router, all, ctx)
  routeOne(router, one, ctx)
  routeSettings(router, settings, { ctx, refusedReceiver })
  router.all([all, settings, ...one], () => {
    throw new Refusal('forbidden', 'no such operation')
  })
  router.use(() => {
    throw new Refusal('not_found', 'no such resource')
  })
  router.use(refuse)
  return router
}

function routeAll(router: Router, path: string, ctx: Context): void {
  router.post(path, ...jsonBody(), async (req, res) => {
    const account = accountOf(res)
    const allocation = await createAllocation(ctx, account, wantedAllocation(req.body))
    answer(req, res, success(allocationData(allocation, account)))
  })
  router.put(path, ...jsonBody(), (req, res) => updateAll(ctx, req, res))
  router.get(path, async (req, res) => {
    const account = accountOf(res)
    const query = filtersOf(req)
    const { allocations, next, limit } = await listPage(ctx, account, query)
    const more = next === undefined ? null : `${pathOf(req)}?${withAfter(query, next)}`
    res.json({
      ...headOf(req, res),
      http_code: 200,
      metadata: { page_size: limit, count: allocations.length, next_page_uri: more },
      response: allocations.map((allocation) => success(allocationData(allocation, account))),
    })
  })
}

async function updateAll(ctx: Context, req: Request, res: Response): Promise<void> {
  const note = (bug: unknown) => (noted(res).bug = bug)
  const result = await updateEach(ctx, accountOf(res), bulkItems(req.body), note)
  res.status(207).json({ ...headOf(req, res), ...result })
}

function routeOne(router: Router, paths: string[], ctx: Context): void {
  router.get<{ id: string }>(paths, async (req, res) => {
    const account = accountOf(res)
    const allocation = await readAllocation(ctx, account, req.params.id)
    answer(req, res, success(allocationData(allocation, account)))
  })
  router.put<{ id: string }>(paths, ...jsonBody(), async (req, res) => {
    // The manual's Go sample sends the bulk to the path of one greenpin.
    if (isBulk(req.body)) return updateAll(ctx, req, res)
    const account = accountOf(res)
    const allocation = await updateAllocation(ctx, account, req.params.id, wantedChange(req.body))
    answer(req, res, success(allocationData(allocation, account)))
  })
  router.delete<{ id: string }>(paths, async (req, res) => {
    const account = accountOf(res)
    const allocation = await endAllocation(ctx, account, req.params.id)
    answer(req, res, success(allocationData(allocation, account)))
  })
}

function routeSettings(
  router: Router,
  path: string,
  { ctx, refusedReceiver }: Pick<DialectParts, 'ctx' | 'refusedReceiver'>,
): void {
  router.get(path, (req, res) => {
    answer(req, res, success(settingsData(accountOf(res).settings)))
  })
  router.put(path, ...jsonBody(), async (req, res) => {
    const wanted = await wantedSettings(req.body, refusedReceiver)
    const settings = await changeSettings(ctx, accountOf(res), wanted).catch((error: unknown) => {
      throw inVendorsWords(error)
    })
    answer(req, res, success(settingsData(settings)))
  })
}

function authenticate(ctx: Context): RequestHandler {
  return async (req, res, next) => {
    const account = await login(ctx.store, 'greenpin', req.headers.authorization)
    if (!account) {
      res.set('WWW-Authenticate', 'Basic realm="greenpin", charset="UTF-8"')
      return answer(req, res, failure(7))
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

/** A query that nobody can read is no filter either. */
function filtersOf(req: Request): Map<string, string> {
  try {
    return readQuery(req)
  } catch (error) {
    if (error instanceof BadRequest) throw new CodedRefusal(2)
    throw error
  }
}

function pathOf(req: Request): string {
  return `${req.baseUrl}${req.path}`
}

function withAfter(query: Map<string, string>, after: string): string {
  return new URLSearchParams([...new Map(query).set('after', after)]).toString()
}

const refuse: ErrorRequestHandler = (error: unknown, req, res, next) => {
  if (res.headersSent) return next(error)
  const refused = refusalOf(error)
  if (!refused) noted(res).bug = error
  answer(req, res, refused ?? failure(0))
}

/** The manual shows `request_id` and `method` in every answer to a PUT and in no other envelope. */
function answer(req: Request, res: Response, envelope: Failure | ReturnType<typeof success>): void {
  res.status(envelope.status).json(req.method === 'PUT' ? { ...headOf(req, res), ...envelope } : envelope)
}

function headOf(req: Request, res: Response) {
  return { request_id: noted(res).requestId ?? '', method: req.method }
}
