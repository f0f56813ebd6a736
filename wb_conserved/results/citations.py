"""What to cite: the papers of the definitions used, and the programs, as text and as BibTeX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import xarray

KEYS = "citation_keys"
"""Attribute of a variable: the keys of its papers, separated by spaces."""


@dataclass(frozen=True)
class Publication:
    """An entry of BibTeX.

    Attributes
    ----------
    kind : str
        "article", "misc", ...
    authors : tuple of str
        "Family, Given" each.
    year : int
    fields : mapping of str to str
        Others: title, journal, volume, pages, doi, eprint, ...
    """

    kind: str
    authors: tuple[str, ...]
    year: int
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """In one line."""
        families = [author.split(",")[0].strip("{}") for author in self.authors]
        several = len(families) > 2 or families[-1] == "others"
        names = f"{families[0]} et al." if several else " and ".join(families)
        place = ", ".join(self.fields[key] for key in ("journal", "volume", "pages") if key in self.fields)
        link = f"doi:{self.fields['doi']}" if "doi" in self.fields else self._elsewhere()
        return ", ".join(filter(None, [names, place.replace(", ", " ", 1), f"{link} ({self.year})"]))

    def _elsewhere(self):
        return f"arXiv:{self.fields['eprint']}" if "eprint" in self.fields else self.fields.get("title", "")

    def bibtex(self, key: str) -> str:
        """The entry under a key."""
        rows = {"author": " and ".join(self.authors), **self.fields, "year": str(self.year)}
        if "title" in rows:
            rows["title"] = f"{{{rows['title']}}}"
        body = "\n".join(f"  {name} = {{{value}}}," for name, value in rows.items())
        return f"@{self.kind}{{{key},\n{body}\n}}\n"


def _article(authors, year, title, journal, volume, pages, doi):
    names = {"title": title, "journal": journal, "volume": volume, "pages": pages, "doi": doi}
    return Publication("article", authors, year, {key: value for key, value in names.items() if value})


_PRB, _PRL = "Phys. Rev. B", "Phys. Rev. Lett."
_ENTRIES = {
    "xiao2021": _article(
        ("Xiao, Cong", "Niu, Qian"), 2021, "Conserved current of nonconserved quantities",
        _PRB, "104", "L241411", "10.1103/PhysRevB.104.L241411",
    ),
    "shi2006": _article(
        ("Shi, Junren", "Zhang, Ping", "Xiao, Di", "Niu, Qian"), 2006,
        "Proper definition of spin current in spin-orbit coupled systems",
        _PRL, "96", "076604", "10.1103/PhysRevLett.96.076604",
    ),
    "zhang2008": _article(
        ("Zhang, Ping", "Wang, Zhigang", "Shi, Junren", "Xiao, Di", "Niu, Qian"), 2008,
        "Theory of conserved spin current and its application to a two-dimensional hole gas",
        _PRB, "77", "075304", "10.1103/PhysRevB.77.075304",
    ),
    "sinova2004": _article(
        ("Sinova, Jairo", "Culcer, Dimitrie", "Niu, Q.", "Sinitsyn, N. A.", "Jungwirth, T.", "MacDonald, A. H."), 2004,
        "Universal intrinsic spin Hall effect", _PRL, "92", "126603", "10.1103/PhysRevLett.92.126603",
    ),
    "edelstein1990": _article(
        ("Edelstein, V. M.",), 1990,
        "Spin polarization of conduction electrons induced by electric current in two-dimensional asymmetric electron systems",
        "Solid State Commun.", "73", "233", "10.1016/0038-1098(90)90963-C",
    ),
    "garate2009": _article(
        ("Garate, Ion", "MacDonald, A. H."), 2009,
        "Influence of a transport current on magnetic anisotropy in gyrotropic ferromagnets",
        _PRB, "80", "134403", "10.1103/PhysRevB.80.134403",
    ),
    "streda1982": _article(
        ("Streda, P.",), 1982, "Theory of quantised Hall conductivity in two dimensions",
        "J. Phys. C: Solid State Phys.", "15", "L717", "10.1088/0022-3719/15/22/005",
    ),
    "shitade2025": _article(("Shitade, Atsuo", "Minamitani, Emi"), 2025, "", "npj Spintronics", "3", "29", ""),
    "qin2011": _article(
        ("Qin, Tao", "Niu, Qian", "Shi, Junren"), 2011, "Energy magnetization and the thermal Hall effect",
        _PRL, "107", "236601", "10.1103/PhysRevLett.107.236601",
    ),
    "senthil1999": _article(
        ("Senthil, T.", "Marston, J. B.", "Fisher, Matthew P. A."), 1999,
        "Spin quantum Hall effect in unconventional superconductors", _PRB, "60", "4245", "10.1103/PhysRevB.60.4245",
    ),
    "qiao2018": _article(
        ("Qiao, Junfeng", "Zhou, Jiaqi", "Yuan, Zhe", "Zhao, Weisheng"), 2018,
        "Calculation of intrinsic spin Hall conductivity by Wannier interpolation",
        _PRB, "98", "214402", "10.1103/PhysRevB.98.214402",
    ),
    "ryoo2019": _article(
        ("Ryoo, Ji Hoon", "Park, Cheol-Hwan", "Souza, Ivo"), 2019,
        "Computation of intrinsic spin Hall conductivities from first principles using maximally localized Wannier functions",
        _PRB, "99", "235113", "10.1103/PhysRevB.99.235113",
    ),
    "ma2024": _article(
        ("Ma, Hongyang", "Cullen, James H.", "Monir, Serajum", "Rahman, Rajib", "Culcer, Dimitrie"), 2024,
        "Spin-Hall effect in topological materials: evaluating the proper spin current in systems with arbitrary degeneracies",
        "npj Spintronics", "2", "", "10.1038/s44306-024-00057-w",
    ),
    "cullen2025": Publication("misc", ("Cullen, James H.", "others"), 2025, {"eprint": "2509.20436", "archivePrefix": "arXiv"}),
    "wannierberri": _article(
        ("Tsirkin, Stepan S.",), 2021,
        "High performance Wannier interpolation of Berry curvature and related quantities with WannierBerri code",
        "npj Comput. Mater.", "7", "33", "10.1038/s41524-021-00498-5",
    ),
    "wannier90": _article(
        ("Pizzi, Giovanni", "others"), 2020, "Wannier90 as a community code: new features and applications",
        "J. Phys.: Condens. Matter", "32", "165902", "10.1088/1361-648X/ab51ff",
    ),
    "wb_conserved": Publication(
        "software", ("{The wb_conserved developers}",), 2026,
        {"title": "wb_conserved: conserved spin currents from Wannier functions", "version": version("wb_conserved")},
    ),
}  # fmt: skip
ENTRIES: Mapping[str, Publication] = MappingProxyType(_ENTRIES)
"""Publications by key: those of definitions are named by calculators (``sources``)."""

PROGRAMS = ("wb_conserved", "wannierberri", "wannier90")
"""What is cited with every result."""


def register(key: str, publication: Publication) -> None:
    """Enter a publication, for the ``sources`` of a calculator."""
    _ENTRIES[key] = publication


def describe_sources(calculator: Any) -> dict[str, str]:
    """Attributes of a variable for the papers of its definition."""
    keys = [key for key in getattr(calculator, "sources", ()) if key in ENTRIES]
    return {"references": "; ".join(ENTRIES[key].text for key in keys), KEYS: " ".join(keys)} if keys else {}


def citations(dataset: xarray.Dataset) -> dict[str, Publication]:
    """What to cite for a data set, by key: papers of the definitions of its variables, then programs."""
    keys = [key for variable in dataset.data_vars.values() for key in variable.attrs.get(KEYS, "").split()]
    return {key: ENTRIES[key] for key in dict.fromkeys([*keys, *PROGRAMS]) if key in ENTRIES}


def format_bibtex(*datasets: xarray.Dataset) -> str:
    """The same of data sets as BibTeX."""
    every = {key: publication for dataset in datasets for key, publication in citations(dataset).items()}
    return "\n".join(publication.bibtex(key) for key, publication in every.items())
