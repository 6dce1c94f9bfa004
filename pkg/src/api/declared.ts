// Compares a module with its type declarations.

/**
 * What a module has to export in order to fit its declarations. No class can be assigned to one
 * with a private constructor, so that the static members of such a class are compared instead.
 * They include `prototype`, and thus the members of its instances.
 */
export type Exports<Declarations> = {
  [Name in keyof Declarations]: Declarations[Name] extends
    | ((...given: never) => unknown)
    | (abstract new (
        ...given: never
      ) => unknown)
    ? Declarations[Name]
    : Pick<Declarations[Name], keyof Declarations[Name]>;
};
