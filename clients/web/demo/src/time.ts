const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

export const timeOf = (at: number | string | undefined): string => (at === undefined ? '–' : clock.format(new Date(at)));
