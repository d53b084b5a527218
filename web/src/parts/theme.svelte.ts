// Dark by default, because pictures are judged in dark rooms; light on wish.

const KEY = "rushes-theme";

class Theme {
  isLight = $state(localStorage.getItem(KEY) === "light");

  toggle() {
    this.isLight = !this.isLight;
    localStorage.setItem(KEY, this.isLight ? "light" : "dark");
    applyTheme();
  }
}

export const theme = new Theme();

export function applyTheme() {
  document.documentElement.dataset.theme = theme.isLight ? "light" : "dark";
}
