import { createHash } from 'node:crypto'
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { describeRelease, type Release } from './release.ts'

const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
const clocks = system('clocks', { services: [service(Clock, { handlers: { now: () => new Date() } })] })

/** A release of a small system, with an image that is different for each version. */
export function releaseOf(version: string): Release {
  const digest = `sha256:${createHash('sha256').update(version).digest('hex')}`
  return describeRelease(clocks, { version, image: { digest } })
}
