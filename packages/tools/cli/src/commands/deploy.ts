import type { Command } from '@stricli/core'
import { resolve } from 'node:path'
import { realRuntime } from 'dure/runtime'
import type { Platform, Release } from '@dure/deploy'
import { configFlag, stepText, withPlatform } from '../environments.ts'
import { CliError, EXIT, print, type Shell } from '../shell.ts'
import { deploy, told } from './deploy-library.ts'
import { byFlag, defineCommand, jsonFlag, printResult, switchFlag, whoIs } from './parameters.ts'

type Flags = { readonly config?: string; readonly by?: string; readonly json?: boolean }

const toFlag = { kind: 'parsed', parse: String, placeholder: 'ENVIRONMENT', brief: 'Where, as deploy.ts names it' } as const

export const deployCommand: Command<Shell> = defineCommand({
  brief: 'Bring a release to where it runs, and back by itself when it does worse',
  help: `
        Checks a release (may it go there by the facts, do its migrations only add, are its secrets there), starts it beside the one that has
        the calls, waits until it is ready, and gives it 5, 25 and 100 % of the calls, as long as it does as well as the other by errors, p99 and restarts of its
        copies. If not, all calls go back and it ends. What was begun by a deployer that was killed is carried on. Ctrl-C goes back.
        Exits with 1 when it was refused or went back. With --watch it only shows what another one does.`,
  examples: [
    'dure deploy --to production',
    'dure deploy releases/1.4.0.json --to production',
    'dure deploy --watch --to production',
  ],
  flags: {
    to: toFlag,
    config: configFlag,
    watch: switchFlag('Show the steps of the rollout that is under way, or the last one'),
    by: byFlag,
    json: jsonFlag,
  },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, optional: true, placeholder: 'FILE', brief: 'The release (default release.json)' }],
  },
  async func(this: Shell, flags: Flags & { readonly to: string; readonly watch?: boolean }, file?: string): Promise<void> {
    const { to: name, config } = flags
    await told(() =>
      withPlatform(this, { name, config }, async (platform) => {
        if (flags.watch === true) return watch(this, platform)
        const { readRelease } = await deploy()
        await rollOut(this, platform, readRelease(resolve(this.cwd, file ?? 'release.json')), flags)
      }),
    )
  },
})

export const promoteCommand: Command<Shell> = defineCommand({
  brief: 'Bring what runs in one environment to another',
  help: 'Deploys the release that has the calls in one environment to another one, as dure deploy does.',
  examples: ['dure promote --from staging --to production'],
  flags: {
    from: { kind: 'parsed', parse: String, placeholder: 'ENVIRONMENT', brief: 'Where it runs' },
    ...{ to: toFlag, config: configFlag, by: byFlag, json: jsonFlag },
  },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, flags: Flags & { readonly from: string; readonly to: string }): Promise<void> {
    const { from, to: name, config } = flags
    await told(async () => {
      const there = await withPlatform(this, { name: from, config }, async (platform) => platform.releases())
      const found = there.find(({ share }) => share === 100)
      if (found === undefined) throw new CliError(`Cannot promote from "${from}": no release has all calls there`)
      await withPlatform(this, { name, config }, async (platform) => rollOut(this, platform, found.release, flags))
    })
  },
})

export const rollbackCommand: Command<Shell> = defineCommand({
  brief: 'Have the release before take all calls again',
  help: 'Has the release before the one that has the calls take them again, or the one of a version; a rollout that is unfinished is taken back.',
  examples: ['dure rollback --in production', 'dure rollback 1.3.0 --in production'],
  flags: { in: toFlag, config: configFlag, by: byFlag, json: jsonFlag },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, optional: true, placeholder: 'VERSION', brief: 'Which one (default: the one before)' }],
  },
  async func(this: Shell, flags: Flags & { readonly in: string }, version?: string): Promise<void> {
    const { in: name, config, by } = flags
    const release = await told(() =>
      withPlatform(this, { name, config }, (platform) =>
        platform.rollBack({ by: whoIs(by), ...(version !== undefined && { to: version }) }),
      ),
    )
    printResult(this, flags, release, () => `${release.system} ${release.version} has all calls`)
  },
})

export const releasesCommand: Command<Shell> = defineCommand({
  brief: 'Show which releases an environment has, and who brought them',
  help: 'Shows the releases of an environment with their copies and shares of the calls, and the latest rollouts.',
  examples: ['dure releases --in production', 'dure releases --in production --json'],
  flags: { in: toFlag, config: configFlag, json: jsonFlag },
  positional: { kind: 'tuple', parameters: [] },
  async func(this: Shell, flags: Omit<Flags, 'by'> & { readonly in: string }): Promise<void> {
    const { in: name, config } = flags
    const { releases, rollouts } = await told(() =>
      withPlatform(this, { name, config }, async (platform) => ({
        releases: await platform.releases(),
        rollouts: platform.rollouts(),
      })),
    )
    printResult(this, flags, { releases, rollouts }, () => {
      const width = Math.max(0, ...releases.map(({ release }) => release.version.length))
      const rows = releases.map(
        ({ release, copies, share }) =>
          `${release.version.padEnd(width)}  ${String(copies).padStart(2)} copies  ${String(share).padStart(3)} %`,
      )
      const done = rollouts.map(
        ({ release, state, by, at }) => `${new Date(at).toISOString()}  ${release.version}  ${state}  by ${by}`,
      )
      return [...(rows.length === 0 ? [`No release was deployed to ${name}`] : rows), '', ...done].join('\n').trim()
    })
  },
})

async function rollOut(
  shell: Shell,
  platform: Platform,
  release: Release,
  { by, json }: Pick<Flags, 'by' | 'json'>,
): Promise<void> {
  const back = new AbortController()
  void shell.stopped().then(() => back.abort())
  const { outcome, reasons } = await platform.deploy(release, {
    ...{ by: whoIs(by), signal: back.signal },
    ...(json !== true && { onStep: (step) => print(shell, stepText(step)) }),
  })
  const text = `${release.system} ${release.version} ${outcome === 'done' ? `has all calls in ${platform.name}` : `was ${outcome}`}`
  printResult(shell, { json }, { outcome, reasons, release: release.digest }, () =>
    [text, ...reasons.map((one) => `  ${one}`)].join('\n'),
  )
  if (outcome !== 'done') shell.process.exitCode = EXIT.failed
}

/** Milliseconds between two looks at what another process writes. */
const LOOK = 200

async function watch(shell: Shell, platform: Platform): Promise<void> {
  const { timers } = realRuntime()
  const ended = new AbortController()
  void shell.stopped().then(() => ended.abort())
  const [first] = platform.rollouts(1)
  if (first === undefined) throw new CliError(`Cannot show a rollout: none was made to ${platform.name}`)
  let shown = 0
  for (;;) {
    const now = platform.rollouts(1).find(({ id }) => id === first.id) ?? first
    for (const step of now.steps.slice(shown)) print(shell, stepText(step))
    shown = now.steps.length
    if ((now.state !== 'running' && now.state !== 'rolling back') || ended.signal.aborted) {
      print(shell, `${now.release.system} ${now.release.version} ${now.state}`)
      return
    }
    await timers.sleep(LOOK, ended.signal)
  }
}
