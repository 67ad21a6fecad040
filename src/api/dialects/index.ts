import type { Router } from 'express'
import type { Dialect } from '../../engine/accounts.ts'
import type { Context } from '../../engine/context.ts'
import type { Event } from '../../engine/events.ts'
import { callbackBody } from './greenpin/callbacks.ts'
import { greenpin } from './greenpin/greenpin.ts'

/** What a vendor's clients meet: requests under a prefix, and the bodies of the events that they receive. */
export type DialectDoor = {
  prefix: string
  router: (ctx: Context) => Router
  /** Undefined for events that this vendor does not tell. */
  callbackBody: (event: Event) => object | undefined
}

/** Every dialect that is spoken here. A new one is one line. */
export const dialects: Record<Dialect, DialectDoor> = {
  greenpin: { prefix: '/v1/tenants', router: greenpin, callbackBody },
}
