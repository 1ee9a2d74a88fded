/** What is known of releases of settings, in the data directory, for a system that was ended whole. */
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, type Runtime } from '../../runtime/runtime.ts'
import type { ConfigContent, ReleaseState, StoredRelease } from '../release.ts'
import { openedLayers, savedLayers, type SavedLayers, type SaveHow } from './saved.ts'

export type ReleaseFile = {
  /** Undefined when there is none, or it cannot be read. `now`: what the sources have; secrets that were left out are taken from there. */
  readonly load: (keys: readonly Uint8Array[], now: ConfigContent) => ReleaseState | undefined
  /** Secrets are kept encrypted; without a key they are left out. `secrets`: keys of what is secret in a content. */
  readonly save: (
    state: ReleaseState,
    how: { readonly secrets: (content: ConfigContent) => ReadonlySet<string>; readonly keys: readonly Uint8Array[] },
  ) => void
}

type SavedContent = readonly {
  readonly source: string
  readonly revision?: string | undefined
  readonly layers: SavedLayers
}[]
type SavedRelease = Omit<StoredRelease, 'content'> & { readonly content?: SavedContent | undefined }
type Saved = { readonly dure: 1; readonly turn: number; readonly leader: string; readonly releases: readonly SavedRelease[] }

/**
 * One file, which its owner alone may read. It is small and seldom written, so that it is written at once, before anybody is told.
 * @param writer who writes it: no other has this name
 */
export function releaseFile(directory: string, writer: string, random: Runtime['random']): ReleaseFile {
  const folder = join(directory, 'config')
  const file = join(folder, 'releases.json')
  return {
    load: (keys, now) => {
      try {
        const saved = JSON.parse(readFileSync(file, 'utf8')) as Saved
        if (saved.dure !== 1) return undefined
        const releases = saved.releases.map(({ content, ...one }): StoredRelease => ({
          ...one,
          ...(content && { content: { mark: one.mark, snapshots: openedContent(content, keys, now) } }),
        }))
        return { turn: saved.turn, leader: saved.leader, releases }
      } catch {
        return undefined
      }
    },
    save: ({ turn, leader, releases }, { secrets, keys }) => {
      const saved: Saved = {
        ...{ dure: 1, turn, leader },
        releases: releases.map(({ content, ...one }) => ({
          ...one,
          ...(content && { content: savedContent(content, { secrets: secrets(content), keys, random }) }),
        })),
      }
      makeFolder(folder)
      chmodSync(folder, 0o700)
      const next = `${file}.${writer}`
      writeFileSync(next, JSON.stringify(saved), { mode: 0o600 })
      renameSync(next, file)
    },
  }
}

function savedContent({ snapshots }: ConfigContent, how: SaveHow): SavedContent {
  return [...snapshots].map(([source, { revision, layers }]) => ({ source, revision, layers: savedLayers(layers, how) }))
}

function openedContent(content: SavedContent, keys: readonly Uint8Array[], now: ConfigContent): ConfigContent['snapshots'] {
  return new Map(
    content.map(({ source, revision, layers }) => [
      source,
      { revision, layers: openedLayers(layers, keys, now.snapshots.get(source)?.layers) },
    ]),
  )
}
