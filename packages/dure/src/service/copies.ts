/** A service and its copies, in this process and in others, as far as is known here. */
export type Copies<Copy> = { readonly name: string; readonly copies: readonly Copy[] }

/** Services that all run here, once each. */
export const alone = <Copy extends { readonly name: string }>(instances: readonly Copy[]): readonly Copies<Copy>[] =>
  instances.map((instance) => ({ name: instance.name, copies: [instance] }))
