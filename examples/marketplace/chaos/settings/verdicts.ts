import type { ConfigRelease } from 'dure/config'
import type { Verdict } from '../edge/verdicts.ts'
import type { SettingsResult } from './run.ts'

const count = (value: number): string => value.toLocaleString('en')

/** What was seen, beside what the guide says. */
export function verdictsOf(result: SettingsResult): readonly Verdict[] {
  const { releases, calls, failures, unreadySeen, keys, wanted, searched, leaks, controls, killed } = result
  const became = (number: number): ConfigRelease | undefined => releases.find((one) => one.number === number)
  return [
    outcome('a provider that no service is ready with', became(2), 'rolled back'),
    { check: '  no call has seen it', wanted: 'none', seen: unreadySeen ? 'some' : 'none', ok: !unreadySeen },
    outcome('a provider that fails calls', became(3), 'rolled back'),
    outcome('another secret', became(4), 'rolled back'),
    same('  with what calls are made then', wanted.second, keys.rotated),
    outcome('dure config rollback', became(5), 'released'),
    same('  with what calls are made then', wanted.first, keys.rolledBack),
    outcome('the supervisor killed while a release was tried, and started again', killed, 'superseded'),
    same('  with what calls are made then, as it goes on', wanted.third, keys.killed),
    {
      check: 'calls meanwhile',
      wanted: '0 failed',
      seen: `${count(failures.length)} of ${count(calls)} failed`,
      ok: failures.length === 0 && calls > 0,
    },
    {
      check: 'the bytes of all secrets',
      wanted: 'nowhere',
      seen: leaks.length === 0 ? `nowhere in ${searched} logs, letters and files` : leaks.join(', '),
      ok: leaks.length === 0 && searched > 3,
    },
    {
      check: '  the search finds what is there',
      wanted: 'a log, letters, a database',
      seen: controls.join(', '),
      ok: isFound(controls),
    },
  ]
}

function outcome(check: string, release: ConfigRelease | undefined, wanted: ConfigRelease['outcome']): Verdict {
  const why = release?.why === undefined ? '' : ` (${release.why.join('; ')})`
  return { check, wanted, seen: `${release?.outcome ?? 'nothing'}${why}`, ok: release?.outcome === wanted }
}

function same(check: string, wanted: string, seen: readonly string[]): Verdict {
  return { check, wanted, seen: seen.join(', '), ok: seen.length === 1 && seen[0] === wanted }
}

const isFound = (controls: readonly string[]): boolean =>
  controls.includes('logs') && controls.includes('letters') && controls.some((one) => /shop\.db/.test(one))
