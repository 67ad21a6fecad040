import { Router } from 'express'

/** Whether calls can be served, and in words how each thing does that this takes. No secrets, no addresses: nobody logs in. */
export type Ready = () => Promise<{ ready: boolean; checks: Record<string, string> }>

/** `/livez`: the process answers. `/readyz`: it can do its work; 503 while it cannot. */
export function health(ready: Ready): Router {
  const router = Router()
  router.get('/livez', (_req, res) => {
    res.json({ status: 'ok' })
  })
  router.get('/readyz', async (_req, res) => {
    const { ready: isReady, checks } = await ready()
    res.status(isReady ? 200 : 503).json({ status: isReady ? 'ok' : 'unavailable', checks })
  })
  return router
}
