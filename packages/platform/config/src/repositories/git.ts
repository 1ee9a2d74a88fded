/** Settings in Git: a bare repository, read by the `git` program without a working tree. What is pushed is seen by the next who asks. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from 'dure/runtime'
import { sharedRun } from 'dure/runtime/internal'
import type { Logger } from 'dure/telemetry'
import { ConfigFault } from '../fault.ts'
import { createGitContent } from './git-content.ts'
import { gitProgram, withoutPasswords, type Git } from './git-program.ts'
import type { OpenRepository, Revision } from './repository.ts'

export type GitRepositoryOptions = {
  /** Of another machine (`https://…`, `ssh://…`, `git@host:path`), or the path of a repository here, bare or not. */
  readonly url: string
  /** What is meant where no label is asked for. Default `main`, and `master` where there is none. */
  readonly label?: string
  /** Folders of it that are searched beside its root, the last goes before the others: `{application}`, `config/{profile}`. */
  readonly searchPaths?: readonly string[]
  /** Milliseconds between two fetches from another machine. Default 10,000. */
  readonly interval?: number
  /** Milliseconds that git may take. Default 60,000. */
  readonly timeout?: number
  /** For git: the way to a key, or to a proxy. Default: that of this process. */
  readonly environment?: Readonly<Partial<Record<string, string>>>
}

/** Branches and tags; bytes of the list of them. */
const MOST_REFS = 8 * 1_048_576
const COMMIT = /^[\da-f]{7,64}$/

/**
 * A Git repository as the repository of a configuration server. A label is a branch, a tag or a commit. Of another machine it is fetched
 * again and again; while that cannot be reached, what was fetched last is served on.
 *
 * @example
 * ```ts
 * import { gitRepository } from '@dure/config-server'
 *
 * const repository = gitRepository({ url: 'https://git.example.com/settings.git', searchPaths: ['{application}'] })
 * console.log(typeof repository) // → function
 * ```
 */
export function gitRepository(options: GitRepositoryOptions): OpenRepository {
  const { label: preferred, searchPaths = [], interval = 10_000, timeout = 60_000, environment = process.env } = options
  const shown = withoutPasswords(options.url)
  const local = localRepository(options.url)
  if (local === undefined && !isRemote(options.url))
    throw new TypeError(`Cannot use the Git repository "${shown}": it is neither a folder with a repository nor a url of one`)
  for (const path of searchPaths)
    if (path.split('/').includes('..') || path.startsWith('/'))
      throw new TypeError(`Cannot use the search path "${path}": give a folder inside the repository`)
  const folders = ['', ...searchPaths.map((path) => `${path.replace(/\/+$/, '')}/`)]

  return async ({ directory, runtime: { timers }, log, limits }) => {
    const repository = local ?? join(directory, 'settings.git')
    const stopping = new AbortController()
    const git = gitProgram({ repository, timers, timeout, environment, signal: stopping.signal })
    const content = createGitContent({ git, limits, nameOf: (path) => `${shown}/${path}` })
    const fetch =
      local === undefined
        ? await mirror({ git, directory, repository, url: options.url, log, signal: stopping.signal })
        : async () => {}
    const refs = sharedRun(async () => {
      const format = '%(refname) %(objectname) %(*objectname)'
      return refsOf(await asked(git, ['for-each-ref', `--format=${format}`, 'refs/heads', 'refs/tags'], MOST_REFS))
    })
    await refs()

    const commitOf = async (label: string | undefined): Promise<string | undefined> => {
      const known = await refs()
      const meant = label ?? preferred
      if (meant === undefined) return known.get('main') ?? known.get('master')
      const found = known.get(meant)
      return found !== undefined || !COMMIT.test(meant) ? found : whole(git, meant)
    }
    const again = (async () => {
      for (; local === undefined && !stopping.signal.aborted; await timers.sleep(interval, stopping.signal)) await fetch()
    })()
    return {
      at: async (label): Promise<Revision | undefined> => {
        const commit = await commitOf(label)
        return commit === undefined
          ? undefined
          : { version: commit, folders, read: (candidates) => content.read(commit, candidates) }
      },
      refresh: fetch,
      stop: async () => {
        stopping.abort()
        await again
      },
    }
  }
}

/** What is fetched again and again; the first time it has to succeed, unless it was there before. */
async function mirror(options: {
  readonly git: Git
  readonly directory: string
  readonly repository: string
  readonly url: string
  readonly log: Logger
  readonly signal: AbortSignal
}): Promise<() => Promise<void>> {
  const { git, directory, repository, url, log, signal } = options
  makeFolder(directory)
  const made = existsSync(join(repository, 'HEAD'))
  const known = made && (await git.run(['for-each-ref', '--count=1'], { most: 65_536 })).length > 0
  if (!made) await git.run(['init', '--quiet', '--bare', repository], { most: 65_536 })
  const refspecs = ['+refs/tags/*:refs/tags/*', '+refs/heads/*:refs/heads/*']
  let away = false
  const fetch = async (): Promise<void> => {
    const words = ['fetch', '--quiet', '--prune', '--force', '--no-tags', '--no-recurse-submodules', 'origin', ...refspecs]
    await git.run(words, { most: 65_536, settings: { 'remote.origin.url': url } })
    if (away) log.info('The Git repository answers again', { repository: withoutPasswords(url) })
    away = false
  }
  if (!known)
    await fetch().catch((cause: unknown) => {
      throw new Error(
        `Cannot fetch the Git repository "${withoutPasswords(url)}": ${(cause as Error).message}; look at its url and your access`,
        { cause },
      )
    })
  return sharedRun(() =>
    fetch().catch((error: unknown) => {
      if (!away && !signal.aborted)
        log.warn('The Git repository cannot be fetched: what was fetched last is served on', {
          ...{ repository: withoutPasswords(url), why: (error as Error).message },
        })
      away = true
    }),
  )
}

/** A folder of this machine that is a bare repository, or has one in it. */
function localRepository(url: string): string | undefined {
  const path = url.replace(/^file:\/\/(?=\/)/, '')
  return [path, join(path, '.git')].find((each) => existsSync(join(each, 'HEAD')) && existsSync(join(each, 'objects')))
}

const isRemote = (url: string): boolean => /^(?:https?|ssh|git|file):\/\/[^-]/.test(url) || /^[\w.-]+@[\w.-]+:[^-]/.test(url)

async function asked(git: Git, words: readonly string[], most: number): Promise<Buffer> {
  return git.run(words, { most }).catch((cause: unknown) => {
    throw new ConfigFault(503, 'Cannot read the Git repository now; the log of the server says why', { cause })
  })
}

/** Branches go before tags of the same name, and `HEAD` is none. */
function refsOf(text: Buffer): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of text.toString('utf8').split('\n')) {
    const [, kind, name, object, peeled] = /^refs\/(heads|tags)\/(\S+) ([\da-f]+) ([\da-f]*)$/.exec(line) ?? []
    if (name === undefined || (kind === 'tags' && found.has(name))) continue
    found.set(name, peeled || object!)
  }
  return found
}

/** The whole name of a commit; undefined when there is none, or several. */
async function whole(git: Git, label: string): Promise<string | undefined> {
  try {
    const said = await git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', `${label}^{commit}`], { most: 1_024 })
    return said.toString('utf8').trim()
  } catch {
    return undefined
  }
}
