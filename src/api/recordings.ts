import { lstat } from 'node:fs/promises'
import path from 'node:path'
import { Router, type ErrorRequestHandler } from 'express'
import { isBadRequest, readQuery } from './fields.ts'
import { mayFetch } from './links.ts'

export type RecordingsDoor = {
  /** Where Asterisk writes them, as `<call id>.wav`. */
  folder: string
  /** What their addresses are signed with. */
  key: string
  now: () => number
}

/** `GET /recordings/<call id>.wav?expires=…&signature=…`: a recorded talk, in parts too (RFC 9110 section 14). */
export function recordings({ folder, key, now }: RecordingsDoor): Router {
  const router = Router()
  router.get<{ file: string }>('/recordings/:file', async (req, res) => {
    const [, callId] = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.wav$/.exec(req.params.file) ?? []
    const query = readQuery(req)
    const [expires = '', signature = ''] = [query.get('expires'), query.get('signature')]
    if (callId === undefined || !mayFetch(key, callId, { expires, signature }, now())) {
      res.status(403).json({ error: 'forbidden' })
      return
    }
    // Rebuilt from what was checked; and no link that somebody has put there leads out of the folder.
    const file = path.resolve(folder, `${callId}.wav`)
    const found = await lstat(file).catch(() => undefined)
    if (!found?.isFile()) {
      res.status(404).json({ error: 'not_found' })
      return
    }
    res.set({ 'Content-Type': 'audio/wav', 'Content-Disposition': `attachment; filename="${callId}.wav"` })
    await new Promise<void>((resolve, reject) => {
      res.sendFile(file, { cacheControl: false, dotfiles: 'allow' }, (error: Error | undefined) => {
        if (error && !res.headersSent && !req.destroyed) return reject(error)
        // Too late for an answer: an end before the announced length tells the client, if it has not left itself.
        if (error) res.destroy()
        resolve()
      })
    })
  })
  router.use(refuse)
  return router
}

/** Asked for a part that the file does not have, say: the headers of the file are not those of this answer. */
const refuse: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  if (res.headersSent || !isBadRequest(error)) return next(error)
  const noSuchPart = (error as { status?: number }).status === 416
  res.removeHeader('Content-Disposition')
  res.status(noSuchPart ? 416 : 400).type('json')
  res.json({ error: noSuchPart ? 'no_such_range' : 'bad_request' })
}
