/** Configurations of Spring Cloud Gateway, imported: for tests. */
import assert from 'node:assert/strict'
import { parse } from 'yaml'
import { importRoutes, routesReader, type ImportNote, type ImportOptions } from '../gateway.ts'

const NOW = Date.parse('2026-11-29T12:00:00Z')

/** What is read of the file that is written, and what is said. */
export function imported(text: string, options: Partial<ImportOptions> = {}) {
  const { yaml, notes } = importRoutes(text, { file: 'application.yml', now: NOW, ...options })
  // What is written can always be read.
  routesReader()(yaml, 'gateway.yaml')
  const { routes, upstreams } = parse(yaml) as {
    routes: Record<string, Record<string, unknown>>
    upstreams?: Record<string, object>
  }
  for (const { line, what, why } of notes)
    assert.ok(yaml.includes(`:${line}: `) && yaml.includes(what) && yaml.includes(why), yaml)
  const others = notes.filter(({ what }) => !what.endsWith('services of the registry'))
  return { routes, upstreams, notes: others, said: others.map(shown), hosts: notes.length - others.length }
}
const shown = ({ line, is, what, why }: ImportNote): string => `${line} ${is}: ${what}: ${why}`

/** One route with these predicates and filters. */
export const one = (predicates: readonly string[], filters: readonly string[] = [], uri = 'lb://Orders'): string => `
spring:
  cloud:
    gateway:
      routes:
      - id: one
        uri: ${uri}
        predicates:
${predicates.map((each) => `        - ${each}\n`).join('')}
        filters:
${filters.map((each) => `        - ${each}\n`).join('')}`
