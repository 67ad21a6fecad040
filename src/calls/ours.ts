import type * as Asterisk from './ari-types.ts'

/** Whether the channel is in the application now, and not somewhere else in the dialplan. */
export function isIn(application: string, { dialplan }: Asterisk.Channel): boolean {
  return dialplan.app_name === 'Stasis' && dialplan.app_data.split(',', 1)[0] === application
}

/** Whether we chose this id, for a call or for a leg of one. The name of another application may begin with ours. */
export function isOurs(application: string, id: string): boolean {
  const rest = id.startsWith(`${application}-`) ? id.slice(application.length + 1) : ''
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.test(rest)
}
