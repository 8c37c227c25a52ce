/** Why a strategy gives no answer. It fails one task, and no other. */
export class Failure {
  private constructor(
    /** Whether it is the parameters that make no sense. */
    readonly invalid: bool,
    /** The text for the user. */
    readonly text: string,
  ) {}

  /** The parameters make no sense together: `why` says which and why, as in "`fast` (50) is not below `slow` (20)". */
  static invalid(why: string): Failure {
    return new Failure(true, why);
  }

  /** The strategy met a problem of its own: `why` says what. */
  static failed(why: string): Failure {
    return new Failure(false, why);
  }
}
