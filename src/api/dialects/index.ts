import type { Dialect } from '../../engine/accounts.ts'
import type { DialectDoor } from '../door.ts'
import { callbackBody } from './greenpin/callbacks.ts'
import { greenpin } from './greenpin/greenpin.ts'
import { openapi } from './greenpin/openapi.ts'

/** Every dialect that is spoken here. A new one is one line. */
export const dialects: Record<Dialect, DialectDoor> = {
  greenpin: { prefix: '/v1/tenants', router: greenpin, callbackBody, openapi },
}
