import { createHash } from 'node:crypto'

export type AsteriskSettings = {
  /** Asterisk keeps all it writes in the folder `asterisk` below this one. */
  dataDir: string
  ariPort: number
  /** At least 16 characters; Asterisk itself keeps only its hash. */
  ariPassword: string
  sipHost: string
  sipPort: number
  rtpStart: number
  rtpEnd: number
  /** The carrier: calls go there. */
  trunkHost: string
  trunkPort: number
  /** Addresses and networks, comma-separated, that calls come from. The trunk's host when left out. */
  trunkMatch?: string
  mediaAddress?: string
  /** The public address of a machine behind NAT, told to whoever is not in a private network. */
  externalAddress?: string
  dtmfMode?: string
  application?: string
}

/** What start.sh reads. */
export function environment(settings: AsteriskSettings): NodeJS.ProcessEnv {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ARI_PORT: String(settings.ariPort),
    ARI_PASSWORD: settings.ariPassword,
    SIP_HOST: settings.sipHost,
    SIP_PORT: String(settings.sipPort),
    RTP_START: String(settings.rtpStart),
    RTP_END: String(settings.rtpEnd),
    TRUNK_HOST: settings.trunkHost,
    TRUNK_PORT: String(settings.trunkPort),
    ...(settings.trunkMatch !== undefined && { TRUNK_MATCH: settings.trunkMatch }),
    ...(settings.mediaAddress !== undefined && { MEDIA_ADDRESS: settings.mediaAddress }),
    ...(settings.externalAddress !== undefined && { EXTERNAL_ADDRESS: settings.externalAddress }),
    ...(settings.dtmfMode !== undefined && { DTMF_MODE: settings.dtmfMode }),
    ...(settings.application !== undefined && { APPLICATION: settings.application }),
    PINBRIDGE_SETTINGS: fingerprint(settings),
  }
}

/** Tells whether a running Asterisk has the settings that it would be started with. */
export function fingerprint(settings: AsteriskSettings): string {
  const sorted = Object.entries(settings).sort(([a], [b]) => a.localeCompare(b))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16)
}
