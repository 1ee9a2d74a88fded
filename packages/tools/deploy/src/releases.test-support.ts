import { createHash } from 'node:crypto'
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { describeRelease, type Release } from './release.ts'
import type { Called, TargetRig } from './target/target.conformance.ts'
import type { Target } from './target/target.ts'

const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
const clocks = system('clocks', { services: [service(Clock, { handlers: { now: () => new Date() } })] })

/** A release of a small system, with an image that is different for each version. */
export function releaseOf(version: string): Release {
  const digest = `sha256:${createHash('sha256').update(version).digest('hex')}`
  return describeRelease(clocks, { version, image: { digest } })
}

/** A target whose copies answer at a port of this machine. */
export function rigAt(
  port: number,
  open: () => Target & { readonly stop: () => Promise<void> },
): TargetRig & { readonly url: string } {
  const target = open()
  const url = `http://127.0.0.1:${port}/`
  return {
    ...{ target, url, release: releaseOf, again: open },
    call: async () => {
      const answer = await fetch(url).catch(() => undefined)
      return answer?.status === 200 ? ((await answer.json()) as Called) : undefined
    },
    close: target.stop,
  }
}
