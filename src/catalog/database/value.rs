//! Values that are bound to statements.

use std::borrow::Cow;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, error::BoxDynError};

/// A value to be bound, of one of the types that both databases have. `None` is a null of this type.
#[derive(Debug, Clone)]
pub enum BoundValue<'q> {
    /// `BIGINT`.
    Integer(Option<i64>),
    /// `DOUBLE PRECISION`.
    Real(Option<f64>),
    /// `TEXT`.
    Text(Option<Cow<'q, str>>),
    /// `BLOB`, `BYTEA`.
    Bytes(Option<Cow<'q, [u8]>>),
    /// `BOOLEAN`.
    Flag(Option<bool>),
}

impl BoundValue<'_> {
    pub(super) fn add_to_sqlite(self, all: &mut SqliteArguments) -> Result<(), BoxDynError> {
        match self {
            Self::Integer(value) => all.add(value),
            Self::Real(value) => all.add(value),
            // What is owned already is not copied again.
            Self::Text(value) => all.add(value.map(Cow::into_owned)),
            Self::Bytes(value) => all.add(value.map(Cow::into_owned)),
            Self::Flag(value) => all.add(value),
        }
    }

    pub(super) fn add_to_postgres(self, all: &mut PgArguments) -> Result<(), BoxDynError> {
        match self {
            Self::Integer(value) => all.add(value),
            Self::Real(value) => all.add(value),
            Self::Text(value) => all.add(value.as_deref()),
            Self::Bytes(value) => all.add(value.as_deref()),
            Self::Flag(value) => all.add(value),
        }
    }
}

/// What can be bound to a statement.
pub trait Bind<'q>: Sized {
    /// It, to be bound.
    fn bound(self) -> BoundValue<'q>;

    /// A null of this type.
    fn null() -> BoundValue<'q>;
}

impl<'q, T: Bind<'q>> Bind<'q> for Option<T> {
    fn bound(self) -> BoundValue<'q> {
        self.map_or_else(T::null, T::bound)
    }

    fn null() -> BoundValue<'q> {
        T::null()
    }
}

impl<'q, T> Bind<'q> for &'q Option<T>
where
    &'q T: Bind<'q>,
{
    fn bound(self) -> BoundValue<'q> {
        self.as_ref().bound()
    }

    fn null() -> BoundValue<'q> {
        <&'q T>::null()
    }
}

macro_rules! bind {
    ($($from:ty => $kind:ident($value:ident) $to:expr;)+) => {$(
        impl<'q> Bind<'q> for $from {
            fn bound(self) -> BoundValue<'q> {
                let $value = self;
                BoundValue::$kind(Some($to))
            }

            fn null() -> BoundValue<'q> {
                BoundValue::$kind(None)
            }
        }
    )+};
}

bind! {
    i64 => Integer(value) value;
    i32 => Integer(value) value.into();
    u32 => Integer(value) value.into();
    u16 => Integer(value) value.into();
    &'q i64 => Integer(value) *value;
    f64 => Real(value) value;
    &'q f64 => Real(value) *value;
    f32 => Real(value) value.into();
    bool => Flag(value) value;
    &'q str => Text(value) Cow::Borrowed(value);
    &'q String => Text(value) Cow::Borrowed(value.as_str());
    String => Text(value) Cow::Owned(value);
    &'q [u8] => Bytes(value) Cow::Borrowed(value);
    &'q Vec<u8> => Bytes(value) Cow::Borrowed(value.as_slice());
    Vec<u8> => Bytes(value) Cow::Owned(value);
}

/// Stores an enum as text in both databases.
macro_rules! text_enum {
    ($name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl<'q> $crate::catalog::database::Bind<'q> for $name {
            fn bound(self) -> $crate::catalog::database::BoundValue<'q> {
                let text = match self {
                    $(Self::$variant => $text,)+
                };
                text.bound()
            }

            fn null() -> $crate::catalog::database::BoundValue<'q> {
                <&str>::null()
            }
        }

        impl<DB: sqlx::Database> sqlx::Type<DB> for $name
        where
            String: sqlx::Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <String as sqlx::Type<DB>>::type_info()
            }

            fn compatible(ty: &DB::TypeInfo) -> bool {
                <String as sqlx::Type<DB>>::compatible(ty)
            }
        }

        impl<'r, DB: sqlx::Database> sqlx::Decode<'r, DB> for $name
        where
            String: sqlx::Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                let text = <String as sqlx::Decode<'r, DB>>::decode(value)?;
                match text.as_str() {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("{text:?} is no {}", stringify!($name)).into()),
                }
            }
        }
    };
}
pub(in crate::catalog) use text_enum;
