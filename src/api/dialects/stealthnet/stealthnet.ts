import { type ErrorRequestHandler, type Request, type RequestHandler, Router } from 'express'
import type * as z from 'zod'
import type { Account } from '../../../engine/accounts.ts'
import type { Context } from '../../../engine/context.ts'
import { Refusal } from '../../../engine/errors.ts'
import type { DialectParts } from '../../door.ts'
import { BadRequest, formBody, isForm, noted, readParameters } from '../../fields.ts'
import { basicCredentials, loginAs } from '../../login.ts'
import { answerTo, type Asked, WrongCredentials } from './answers.ts'
import { check, remove, removeKey, removeKeys, write, writeDb } from './changes.ts'
import { downloadDb, downloadDbs, downloadKeys, downloadUses } from './downloads.ts'
import { ACTIONS, type ActionName } from './schema.ts'
import { upload } from './upload.ts'

/**
 * Stealthnet's Simple PINs: databases of PINs that open, or not.
 * Source and decisions: docs/dialects/stealthnet.md. Mounted at /simple-pins.
 */
export function stealthnet({ ctx, pins: limits }: DialectParts): Router {
  const router = Router()
  router.all('/', getOrPost, formBody(), async (req, res) => {
    const sent = readParameters(req)
    const account = await accountOf(ctx, req, sent)
    noted(res).account = account
    const action = actionOf(req, sent)
    await RUN[action]({ ctx, account, limits, req, res }, sent)
  })
  router.use(() => {
    throw new BadRequest('there is nothing under this path')
  })
  router.use(refuse)
  return router
}

/** HEAD is answered as GET is unless one says otherwise, and here GET can delete. */
const getOrPost: RequestHandler = (req, _res, next) => {
  if (req.method !== 'GET' && req.method !== 'POST') throw new BadRequest('the method must be GET or POST')
  next()
}

/** The account of the parameters `uid` and `token`, which are taken out, or else of HTTP Basic. Throws WrongCredentials. */
async function accountOf(ctx: Context, req: Request, sent: Map<string, string>): Promise<Account> {
  const [user, secret] = [sent.get('uid'), sent.get('token')]
  const inParameters = user !== undefined || secret !== undefined
  for (const name of ['uid', 'token']) sent.delete(name)
  if (!inParameters) refuseForeignPages(req)
  const written = user === undefined || secret === undefined ? undefined : { user, secret }
  const given = inParameters ? written : basicCredentials(req.headers.authorization)
  const account = await loginAs(ctx.store, 'stealthnet', given)
  if (!account) throw new WrongCredentials()
  return account
}

/** Browsers send a remembered Basic login along with what any page links to. */
function refuseForeignPages({ headers }: Request): void {
  const { authorization, 'sec-fetch-site': site = 'none' } = headers
  if (authorization !== undefined && site !== 'none' && site !== 'same-origin')
    throw new BadRequest('it comes from a page of another site')
}

/** Throws Refusal or BadRequest unless there is such an action and the body is of the kind that it takes. */
function actionOf(req: Request, sent: Map<string, string>): ActionName {
  const name = sent.get('action')
  if (name === undefined) throw new Refusal('missing', 'action')
  if (!Object.hasOwn(ACTIONS, name)) throw new Refusal('invalid', 'action')
  if (name === 'upload-pins') {
    if (req.method !== 'POST' || !isCsv(req)) throw new BadRequest('it must be a POST of text/csv')
  } else if (req.method === 'POST' && hasBody(req) && !isForm(req))
    throw new BadRequest('the body must be application/x-www-form-urlencoded')
  return name as ActionName
}

function isCsv({ headers }: Request): boolean {
  return /^text\/csv *(;|$)/i.test(headers['content-type'] ?? '') && headers['content-encoding'] === undefined
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

type Run = (asked: Asked, sent: Map<string, string>) => Promise<void>

function reading<T extends z.ZodType>(
  schema: T,
  run: (asked: Asked, sent: z.output<T>) => Promise<void>,
): Run {
  return (asked, sent) => run(asked, read(schema, sent))
}

/** Throws BadRequest for a parameter that the action does not have, Refusal with the name of one that is missing or invalid. */
function read<T extends z.ZodType>(schema: T, sent: ReadonlyMap<string, string>): z.output<T> {
  const { success, data, error } = schema.safeParse(Object.fromEntries(sent))
  if (success) return data
  if (error.issues.some(({ code }) => code === 'unrecognized_keys'))
    throw new BadRequest('it has a parameter that this action does not have')
  const name = String(error.issues[0]?.path[0])
  throw new Refusal(sent.has(name) ? 'invalid' : 'missing', name)
}

const RUN: Record<ActionName, Run> = {
  'download-uses': reading(ACTIONS['download-uses'], downloadUses),
  'download-dbs': reading(ACTIONS['download-dbs'], downloadDbs),
  'download-db': reading(ACTIONS['download-db'], downloadDb),
  'write-pins': reading(ACTIONS['write-pins'], write),
  'delete-pins': reading(ACTIONS['delete-pins'], remove),
  'download-keys': reading(ACTIONS['download-keys'], downloadKeys),
  'delete-key': reading(ACTIONS['delete-key'], removeKey),
  'delete-keys': reading(ACTIONS['delete-keys'], removeKeys),
  'check-pin': reading(ACTIONS['check-pin'], check),
  'write-db': reading(ACTIONS['write-db'], writeDb),
  'upload-pins': reading(ACTIONS['upload-pins'], upload),
}

const refuse: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  const { status, sentence } = answerTo(error)
  if (status === 500) noted(res).bug = error
  if (res.headersSent) return next(error)
  if (status === 401) res.set('WWW-Authenticate', 'Basic realm="simple-pins", charset="UTF-8"')
  res.status(status).type('text/plain').send(`${sentence}\n`)
}
