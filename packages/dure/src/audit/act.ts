import { createHash } from 'node:crypto'
import type { Act } from '../telemetry/telemetry.ts'
import type { AuditLine } from './definition.ts'
import { LONGEST, LONGEST_NAME } from './line.ts'

/** An act as a line. What is too long for one is shortened: an act must not go unwritten because somebody's name is long. */
export function lineOf({ action, actor, subject, outcome, about, personal = {} }: Act): AuditLine {
  const told = { ...about, outcome }
  const size = Buffer.byteLength(JSON.stringify(told))
  return {
    ...{ action, actor: shortened(actor), subject: shortened(subject) },
    about: size <= LONGEST / 2 ? told : { outcome, leftOut: size },
    ...(Object.keys(personal).length > 0 && { personal }),
  }
}

function shortened(name: string): string {
  if (name === '') return 'unknown'
  if (name.length <= LONGEST_NAME) return name
  return `${name.slice(0, LONGEST_NAME - 50)}\u2026${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}
