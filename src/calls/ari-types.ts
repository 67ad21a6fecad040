// Written by tools/ari-types.ts from Asterisk's own descriptions. Do not edit.

export type ApplicationReplaced = {
  type: 'ApplicationReplaced'
  asterisk_id?: string
  application: string
  timestamp: string
}

export type Bridge = {
  id: string
  technology: string
  bridge_type: 'mixing' | 'holding'
  bridge_class: string
  creator: string
  name: string
  channels: string[]
  video_mode?: string
  video_source_id?: string
  creationtime: string
  bridgevars?: unknown
}

export type CallerID = {
  name: string
  number: string
}

export type Channel = {
  id: string
  protocol_id: string
  name: string
  state: 'Down' | 'Rsrved' | 'OffHook' | 'Dialing' | 'Ring' | 'Ringing' | 'Up' | 'Busy' | 'Dialing Offhook' | 'Pre-ring' | 'Unknown'
  caller: CallerID
  connected: CallerID
  accountcode: string
  dialplan: DialplanCEP
  creationtime: string
  language: string
  channelvars?: unknown
  caller_rdnis?: string
  tenantid?: string
}

export type ChannelDestroyed = {
  type: 'ChannelDestroyed'
  asterisk_id?: string
  application: string
  timestamp: string
  cause: number
  cause_txt: string
  tech_cause?: number
  channel: Channel
}

export type ChannelDtmfReceived = {
  type: 'ChannelDtmfReceived'
  asterisk_id?: string
  application: string
  timestamp: string
  digit: string
  duration_ms: number
  channel: Channel
}

export type Dial = {
  type: 'Dial'
  asterisk_id?: string
  application: string
  timestamp: string
  caller?: Channel
  peer: Channel
  forward?: string
  forwarded?: Channel
  dialstring?: string
  dialstatus: string
}

export type DialplanCEP = {
  context: string
  exten: string
  priority: number
  app_name: string
  app_data: string
}

export type LiveRecording = {
  name: string
  format: string
  target_uri: string
  state: 'queued' | 'recording' | 'paused' | 'done' | 'failed' | 'canceled'
  duration?: number
  talking_duration?: number
  silence_duration?: number
  cause?: string
}

export type Playback = {
  id: string
  media_uri: string
  next_media_uri?: string
  target_uri: string
  language?: string
  state: 'queued' | 'playing' | 'continuing' | 'done' | 'failed'
}

export type PlaybackFinished = {
  type: 'PlaybackFinished'
  asterisk_id?: string
  application: string
  timestamp: string
  playback: Playback
}

export type RecordingFailed = {
  type: 'RecordingFailed'
  asterisk_id?: string
  application: string
  timestamp: string
  recording: LiveRecording
}

export type RecordingFinished = {
  type: 'RecordingFinished'
  asterisk_id?: string
  application: string
  timestamp: string
  recording: LiveRecording
}

export type StasisEnd = {
  type: 'StasisEnd'
  asterisk_id?: string
  application: string
  timestamp: string
  channel: Channel
}

export type StasisStart = {
  type: 'StasisStart'
  asterisk_id?: string
  application: string
  timestamp: string
  args: string[]
  channel: Channel
  replace_channel?: Channel
}
