/** The pages there are: each stands on operator contracts, and is not shown where those are not. */
import type { FunctionComponent } from 'preact'
import { contracts, has } from './api.ts'
import { Audit } from './pages/audit.tsx'
import { Builds } from './pages/builds.tsx'
import { contractPage } from './pages/contract.tsx'
import { Exceptions } from './pages/exceptions.tsx'
import { Explorer } from './pages/explorer.tsx'
import { Letters } from './pages/letters.tsx'
import { Logs } from './pages/logs.tsx'
import { Metrics } from './pages/metrics.tsx'
import { Resilience } from './pages/resilience.tsx'
import { Sagas } from './pages/sagas.tsx'
import { StoryPage } from './pages/story.tsx'
import { System } from './pages/system.tsx'
import { Topics } from './pages/topics.tsx'
import { Traces } from './pages/traces.tsx'
import { t, type Word } from './words/words.ts'

export type PageEntry = {
  /** The first part of its path; `system` is at the root. */
  readonly id: string
  readonly title: () => string
  readonly group: 'see' | 'messages' | 'parts' | 'run'
  /** The contract without which there is nothing to show. */
  readonly contract: string
  /** After `g`. */
  readonly key?: string
  readonly view: FunctionComponent
}

type PageWord = Extract<Word, `page.${string}`>

function page(group: PageEntry['group'], contract: string, title: PageWord, view: FunctionComponent, key?: string): PageEntry {
  return { id: contract === 'health' ? 'system' : contract, title: () => t(title), group, contract, view, key }
}

/** Drawn from its contract alone. */
const drawn = (group: PageEntry['group'], contract: string, title: PageWord, key?: string): PageEntry =>
  page(group, contract, title, contractPage(contract, title), key)

const ALL: readonly PageEntry[] = [
  page('see', 'health', 'page.system', System, 's'),
  page('see', 'story', 'page.story', StoryPage, 'o'),
  page('see', 'traces', 'page.traces', Traces, 't'),
  page('see', 'logs', 'page.logs', Logs, 'l'),
  page('see', 'metrics', 'page.metrics', Metrics, 'm'),
  page('see', 'exceptions', 'page.exceptions', Exceptions, 'x'),
  page('see', 'builds', 'page.builds', Builds),
  page('messages', 'topics', 'page.topics', Topics, 'e'),
  page('messages', 'letters', 'page.letters', Letters, 'd'),
  page('parts', 'resilience', 'page.resilience', Resilience, 'r'),
  page('parts', 'sagas', 'page.sagas', Sagas, 'a'),
  drawn('parts', 'aggregates', 'page.aggregates'),
  drawn('parts', 'models', 'page.models'),
  drawn('parts', 'schedules', 'page.schedules'),
  drawn('parts', 'routes', 'page.routes'),
  drawn('run', 'placement', 'page.placement', 'p'),
  drawn('run', 'settings', 'page.settings', 'c'),
  drawn('run', 'diagnostics', 'page.diagnostics'),
  drawn('run', 'sessions', 'page.sessions'),
  page('run', 'explorer', 'page.explorer', Explorer),
  page('run', 'audit', 'page.audit', Audit, 'u'),
]

/** Contracts whose answers stand on pages of others. */
const WITHIN = ['processes']

/** Those of which the system has the contract; a contract that nobody knows here has a page as well. */
export function pages(): readonly PageEntry[] {
  const known = new Set([...ALL.map(({ contract }) => contract), ...WITHIN])
  const others = contracts.value.filter(({ name }) => !known.has(name)).map(({ name }) => other(name))
  return [...ALL.filter(({ contract }) => has(contract)), ...others]
}

const made = new Map<string, PageEntry>()

function other(name: string): PageEntry {
  let found = made.get(name)
  if (found === undefined)
    made.set(name, (found = { id: name, title: () => name, group: 'parts', contract: name, view: contractPage(name, undefined) }))
  return found
}

export const pageOf = (path: readonly string[]): PageEntry | undefined => pages().find(({ id }) => id === (path[0] ?? 'system'))
